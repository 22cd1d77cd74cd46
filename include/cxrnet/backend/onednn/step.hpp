#pragma once
#include <cxrnet/backend/cpu/chain.hpp>
#include <cxrnet/backend/cpu/quantized_winograd.hpp>
#include <cxrnet/backend/cpu/winograd.hpp>
#include <cxrnet/backend/onednn/algorithm_book.hpp>
#include <cxrnet/backend/onednn/api.hpp>
#include <cxrnet/backend/onednn/version.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/backend/weight_store.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet::onednn {

enum class Where { value, gradient, staging, scratch, kept, packed, parameter, parameter_gradient };

struct Operand {
  Where where;
  int index;  ///< of the value, the staging area, the packed weights, the parameter; of `kept`: its offset
  Desc desc;
};

/// One execution of one primitive.
struct Call {
  dnnl::primitive primitive;
  std::vector<std::pair<int, Operand>> operands;
  bool border = false;  ///< it brings the network's plain input, or its output, from one layout to the other

  [[nodiscard]] std::size_t scratch_bytes() const {
    for (const auto& [argument, operand] : operands) {
      if (operand.where == Where::scratch) return operand.desc.get_size();
    }
    return 0;
  }
};

/// A convolution of our own in floats: what it reads and writes, the number of its packed weights among Build::fused.
struct FusedConvolution {
  cpu::ChainConvolution convolution;
  Operand from;
  Operand to;
  std::optional<std::size_t> weights;  ///< a first convolution's lie as parameters do
  int bias;             ///< parameter number, -1: none
};

/// Steps that run tile by tile, from the first to the last.
struct ChainedSteps {
  std::size_t first, last;
  cpu::Chain chain;
};

/// One operation, one way: calls, then what we do ourselves, then the calls that bring its result home.
struct Step {
  const op::Operation* operation;
  std::vector<Call> calls;
  std::size_t after_host = static_cast<std::size_t>(-1);  ///< the first call that follows our own part
  bool host = false;               ///< the host runs the operation, forward
  bool blocked_bias = false;       ///< it adds a bias to maps that are blocked by 16 channels, not plain
  std::array<bool, 2> staged{};    ///< whether the host reads a plain copy of an input, in the staging area of its number
  bool result_staged = false;      ///< whether the host writes the input's gradient into the last staging area
  /// A call whose result depends on how many images there are, which the batch's zero rows must not count as: the call
  /// for n images, whose rows behind them are set to zero in `rest`.
  std::function<Call(int n)> exact{};
  std::optional<FusedConvolution> fused{};
  Operand rest{Where::value, -1, {}};
  /// A convolution on bytes: its number among Build::quantized.
  std::optional<std::size_t> quantized{};
  /// The staging areas that the inputs go to as plain floats first, where they are of bytes; -1: they do not.
  std::array<int, 2> dequantized{-1, -1};
  std::string algorithm = "loops";
};

/// Weights in the layout that a primitive wants.
struct Packed {
  int parameter;
  Desc logical;
  dnnl::memory memory;
};

/// Weights as our own convolution wants them.
struct FusedWeights {
  int parameter;
  cpu::Winograd convolution;
  cpu::WinogradPass pass;
  AlignedBytes packed{};  ///< empty while they are a store's
  std::shared_ptr<const std::byte> stored{};

  [[nodiscard]] std::size_t bytes() const { return convolution.shape().weights() * sizeof(float); }
  [[nodiscard]] const std::byte* data() const { return stored != nullptr ? stored.get() : packed.data(); }
};

/// A convolution on bytes and its weights: by Winograd where that is faster and the weights let it be exact, else directly,
/// to the same bytes.
struct QuantizedConvolution {
  const op::Operation* operation;
  cpu::ByteConvolution direct;
  std::optional<cpu::ByteWinograd> winograd;
  bool uses_winograd = false;
  AlignedBytes packed{};

  void pack(const op::QuantizedConvolution& q) {
    uses_winograd = winograd && winograd->fits(q);
    const std::size_t bytes = uses_winograd ? winograd->packed_bytes() : direct.packed_bytes();
    if (packed.size() != bytes) packed = AlignedBytes(bytes, Fill::none);
    if (uses_winograd) winograd->pack(q, packed.data());
    else direct.pack(q, packed.data());
  }
  void run(int n, const std::uint8_t* x, std::uint8_t* y, std::byte* scratch) const {
    if (uses_winograd) winograd->run(n, x, packed.data(), y, scratch);
    else direct.run(n, x, packed.data(), y);
  }
  [[nodiscard]] std::string name() const {
    const std::string target(has_byte_products() ? "avx512_vnni" : name_of(cpu::byte_target()));
    return (uses_winograd ? "winograd_4x3_int8:" : "direct_int8:") + target;
  }
};

/// A program as it is being built: the layout of every value (its gradient has the same), and what is needed besides.
struct Build {
  Build(const ProgramSpec& spec_, int batch_, Algorithms algorithms)
      : spec(spec_), batch(batch_), automatic(algorithms != Algorithms::direct),
        fuses(algorithms == Algorithms::fused || algorithms == Algorithms::compact),
        compact(algorithms == Algorithms::compact),
        layouts(spec_.values.size()),
        delivered(spec_.values.size()),
        bytes(spec_.values.size()) {
    layouts[static_cast<std::size_t>(spec.input)] = plain(spec.input_dims, batch);
    for (std::size_t v = 0; v < bytes.size(); ++v) bytes[v] = holds_bytes(spec, static_cast<int>(v)) ? 1 : 0;
  }

  static constexpr int staging_areas = 4;  ///< at most

  ProgramSpec spec;
  int batch;
  bool automatic;        ///< Winograd may be picked
  bool fuses;            ///< our own too
  std::optional<ConvolutionAlgorithm> only{};                ///< for all convolutions that ours computes, in a trial
  AlgorithmBook* const book = WithAlgorithms::current();  ///< for them otherwise, where there is one
  WeightStore* const store = WithWeightStore::current();
  bool compact;          ///< whose weights are packed in the workspace, behind what the convolution works on
  bool blocked = false;  ///< some convolution is Winograd, whose maps are blocked by 16 channels
  std::vector<Desc> layouts;    ///< by value
  std::vector<char> delivered;  ///< by value: some reader has already given it a gradient
  std::vector<char> bytes;      ///< by value: a map of bytes, whose layout stands for its plain floats
  std::vector<Packed> packed;
  std::vector<FusedWeights> fused;
  std::vector<QuantizedConvolution> quantized;
  std::size_t scratch_bytes = 0;
  std::size_t staging_bytes = 0;  ///< of each staging area
  int areas = 0;                  ///< staging areas in use
  std::size_t kept_bytes = 0;     ///< what forward keeps for backward besides values

  static std::size_t rounded(std::size_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
  }

  [[nodiscard]] const Desc& layout(int value) const { return layouts[static_cast<std::size_t>(value)]; }
  /// The layout that an operation on floats reads a value in: the value's own, or plain where that is of other numbers.
  [[nodiscard]] Desc float_layout(int value, Dims dims) const {
    return is_float(layout(value)) ? layout(value) : plain(dims, batch);
  }
  [[nodiscard]] Operand value(int number) const { return {Where::value, number, layout(number)}; }
  [[nodiscard]] Operand gradient(int number) const { return {Where::gradient, number, layout(number)}; }
  [[nodiscard]] bool has_gradient(int number) const {
    return number >= 0 && spec.gradients[static_cast<std::size_t>(number)].bytes != 0;
  }

  /// A value's layout, which must fit into what the plan gave it.
  void settle(int number, Dims dims, const Desc& desc) {
    const Slot& slot = spec.values[static_cast<std::size_t>(number)];
    if (bytes[static_cast<std::size_t>(number)] == 0 && desc.get_size() > slot.bytes * static_cast<std::size_t>(batch)) {
      throw BackendError(version() + " wants " + std::to_string(desc.get_size()) + " bytes for a value of " +
                         std::to_string(dims.size() * static_cast<std::size_t>(batch)) +
                         " elements, more than the bound that the memory plan holds.");
    }
    layouts[static_cast<std::size_t>(number)] = desc;
  }

  void add_scratch(const Desc& desc, Call& call) {
    scratch_bytes = std::max(scratch_bytes, desc.get_size());
    call.operands.push_back({DNNL_ARG_SCRATCHPAD, {Where::scratch, 0, desc}});
  }

  [[nodiscard]] Operand staging(int area, const Desc& desc) {
    staging_bytes = std::max(staging_bytes, rounded(desc.get_size()));
    areas = std::max(areas, area + 1);
    return {Where::staging, area, desc};
  }

  /// Room that one context keeps from call to call, aligned; the operand's index is its place.
  [[nodiscard]] Operand keep(const Desc& desc) {
    const Operand operand{Where::kept, static_cast<int>(kept_bytes / arena_alignment), desc};
    kept_bytes += rounded(desc.get_size());
    return operand;
  }

  enum class Sum { no, yes };
  /// Copies from one layout to another; or adds to what is there.
  [[nodiscard]] Call reorder(const Operand& from, const Operand& to, Sum sum = Sum::no) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (sum == Sum::yes) {
      dnnl::post_ops post;
      post.append_sum(1.0F);
      attr.set_post_ops(post);
    }
    const dnnl::reorder::primitive_desc pd(cpu(), from.desc, cpu(), to.desc, attr);
    Call call{dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}},
              from.where == Where::value && (from.index == spec.input || to.where == Where::kept)};
    add_scratch(pd.scratchpad_desc(), call);
    return call;
  }

  /// The operand in the wanted layout: itself, or a copy in a staging area.
  Operand bring(const Operand& operand, const Desc& wanted, int area, Step& step) {
    Operand from = operand;
    if (operand.where == Where::value && bytes[static_cast<std::size_t>(operand.index)] != 0) {
      const bool as_wanted = operand.desc == wanted;
      step.dequantized[static_cast<std::size_t>(area)] = as_wanted ? area : area + 2;
      from = staging(as_wanted ? area : area + 2, operand.desc);
    }
    if (from.desc == wanted) return from;
    const Operand copy = staging(area, wanted);
    step.calls.push_back(reorder(from, copy));
    return copy;
  }

  /// Our own Winograd for one pass of a convolution, from one map to another, both blocked.
  void fuse(const cpu::WinogradShape& shape, cpu::WinogradPass pass, const op::Operation& o, const Operand& from,
            const Operand& to, Step& step) {
    const int threads = thread_count();
    const cpu::Winograd convolution(shape, simd_target(), cpu::plan_winograd(shape, batch, threads), threads);
    const std::size_t packed_bytes = shape.weights() * sizeof(float);
    scratch_bytes = std::max(scratch_bytes, convolution.scratch_bytes() + (compact ? packed_bytes : 0));
    step.after_host = step.calls.size();
    step.fused = {convolution, from, to, fused.size(), pass == cpu::WinogradPass::forward ? o.bias : -1};
    fused.push_back({o.kernel, convolution, pass});
  }

  /// A parameter in the layout that a primitive wants: as it lies, or packed.
  Operand weights(int parameter, const Desc& logical, const Desc& wanted) {
    if (wanted == logical) return {Where::parameter, parameter, logical};
    packed.push_back({parameter, logical, dnnl::memory(wanted, cpu())});
    return {Where::packed, static_cast<int>(packed.size()) - 1, wanted};
  }
};

}  // namespace cxrnet::onednn
