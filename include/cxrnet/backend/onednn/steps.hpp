#pragma once
#include <cxrnet/backend/onednn/api.hpp>
#include <cxrnet/backend/onednn/host.hpp>
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cxrnet::onednn {

/// Which convolution algorithms may be picked. `direct` gives the least rounding; `automatic` takes Winograd (Lavin
/// and Gray 2015) where oneDNN has it for the processor: F(4x4, 3x3) or F(2x2, 3x3), two to three times as fast.
enum class Algorithms { automatic, direct };

enum class Where { value, gradient, staging, scratch, packed, parameter, parameter_gradient };

struct Operand {
  Where where;
  int index;  ///< of the value, the packed weights, or the parameter
  Desc desc;
};

/// One execution of one primitive.
struct Call {
  dnnl::primitive primitive;
  std::vector<std::pair<int, Operand>> operands;
};

/// One operation: reorders and its primitive, then what is left for the host.
struct Step {
  const op::Operation* operation;
  std::vector<Call> calls;
  bool host = false;  ///< the host runs the operation, on plain NHWC
  std::array<bool, 2> staged{};  ///< whether an input was copied to plain NHWC first
  std::string algorithm = "loops";
};

/// Weights in the layout that a primitive wants.
struct Packed {
  int parameter;
  Desc logical;
  dnnl::memory memory;
};

/// Chooses layouts and algorithms for a list of operations.
class Steps {
 public:
  Steps(const ProgramSpec& spec, int batch_, Algorithms algorithms)
      : batch(batch_), spec_(spec), layouts_(spec.values.size()) {
    layouts_[static_cast<std::size_t>(spec.input)] = plain(spec.input_dims, batch);
    automatic_ = algorithms == Algorithms::automatic;
    blocked_ = automatic_ && std::any_of(spec.operations.begin(), spec.operations.end(),
                                         [this](const op::Operation& o) { return winograd(o).has_value(); });
    for (const auto& operation : spec.operations) add(operation);
    Step last{nullptr, {}};
    bring(spec.output, plain(spec.output_dims, batch), 0, last);
    if (!last.calls.empty()) delivery.push_back(std::move(last));
    for (std::size_t i = spec.operations.size(); i-- > 0;) {
      if (spec.operations[i].backward()) add_backward(spec.operations[i]);
    }
    scratch_bytes = rounded(scratch_bytes);
    staging_bytes = rounded(staging_bytes);
  }

  int batch;
  std::vector<Step> forward;
  std::vector<Step> backward;
  std::vector<Step> delivery;  ///< of an output that is not plain, into the first staging area; else none
  std::vector<Packed> packed;
  std::size_t scratch_bytes = 0;
  std::size_t staging_bytes = 0;  ///< of each of two areas for copies in another layout

 private:
  using Convolution = dnnl::convolution_forward::primitive_desc;

  static std::size_t rounded(std::size_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
  }

  void add(const op::Operation& o) {
    Step step{&o, {}};
    try {
      switch (o.kind) {
        case op::Kind::convolution: add_convolution(o, step); break;
        case op::Kind::max_pool: add_pool(o, o.window, dnnl::algorithm::pooling_max, step); break;
        case op::Kind::global_average_pool:
          add_pool(o, {.height = o.in.height, .width = o.in.width}, dnnl::algorithm::pooling_avg_exclude_padding, step);
          break;
        case op::Kind::dense: add_dense(o, step); break;
        case op::Kind::bias:
        case op::Kind::activation:
        case op::Kind::flatten:
        case op::Kind::dropout:
        case op::Kind::add:
        case op::Kind::custom:
          step.host = true;
          for (std::size_t k = 0; k < static_cast<std::size_t>(o.input_count()); ++k) {
            const Operand input = bring(o.inputs[k], plain(o.in, batch), static_cast<int>(k), step);
            step.staged[k] = input.where == Where::staging;
          }
          settle(o.output, o.out, plain(o.out, batch));
      }
    } catch (const dnnl::error& error) {
      throw BackendError(version() + " cannot build " + describe(o) + " of layer " + std::to_string(o.layer) + ": " +
                         error.what() + ".");
    }
    forward.push_back(std::move(step));
  }

  [[nodiscard]] const Desc& layout(int value) const { return layouts_[static_cast<std::size_t>(value)]; }

  /// A value's layout, which must fit into what the plan gave it.
  void settle(int value, Dims dims, const Desc& desc) {
    const Slot& slot = spec_.values[static_cast<std::size_t>(value)];
    if (desc.get_size() > slot.bytes * static_cast<std::size_t>(batch)) {
      throw BackendError(version() + " wants " + std::to_string(desc.get_size()) + " bytes for a value of " +
                         std::to_string(dims.size() * static_cast<std::size_t>(batch)) +
                         " elements, more than the bound that the memory plan holds.");
    }
    layouts_[static_cast<std::size_t>(value)] = desc;
  }

  /// The value in the wanted layout: itself, or a copy in the k-th staging area.
  Operand bring(int value, const Desc& wanted, int k, Step& step) {
    if (layout(value) == wanted) return {Where::value, value, wanted};
    staging_bytes = std::max(staging_bytes, wanted.get_size());
    const Operand from{Where::value, value, layout(value)};
    const Operand to{Where::staging, k, wanted};
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc reorder(cpu(), from.desc, cpu(), to.desc, attr);
    Call call{dnnl::reorder(reorder), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
    add_scratch(reorder.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    return to;
  }

  void add_scratch(const Desc& desc, Call& call) {
    scratch_bytes = std::max(scratch_bytes, desc.get_size());
    call.operands.push_back({DNNL_ARG_SCRATCHPAD, {Where::scratch, 0, desc}});
  }

  [[nodiscard]] std::optional<Convolution> winograd(const op::Operation& o) const {
    // Fewer channels than a block would be padded to one: an image's three to 16.
    const bool fits = o.kind == op::Kind::convolution && o.window.height == 3 && o.window.width == 3 &&
                      o.window.stride == 1 && o.in.channels >= 16;
    if (!fits) return std::nullopt;
    try {
      return convolution(o, any(o.in, batch), any(o.out, batch), dnnl::algorithm::convolution_winograd);
    } catch (const dnnl::error&) {
      return std::nullopt;
    }
  }

  /// Winograd where it may be; else direct, from the layout at hand if that has a kernel of its own, to the layout
  /// that Winograd's neighbours want.
  Convolution choose(const op::Operation& o) const {
    if (automatic_) {
      if (auto found = winograd(o)) return *found;
    }
    const Desc dst = blocked_ ? f32(batch_of(o.out, batch), Tag::nChw16c) : any(o.out, batch);
    for (const Desc& src : {layout(o.inputs[0]), any(o.in, batch)}) {
      try {
        auto found = convolution(o, src, dst, dnnl::algorithm::convolution_direct);
        const bool plain_loops = std::string_view(found.impl_info_str()).starts_with("ref");
        if (!plain_loops) return found;
      } catch (const dnnl::error&) {
        continue;
      }
    }
    return convolution(o, any(o.in, batch), any(o.out, batch), dnnl::algorithm::convolution_direct);
  }

  void add_convolution(const op::Operation& o, Step& step) {
    const Convolution pd = choose(o);
    const Operand src = bring(o.inputs[0], pd.src_desc(), 0, step);
    settle(o.output, o.out, pd.dst_desc());
    const Desc logical = f32({o.out.channels, o.in.channels, o.window.height, o.window.width}, Tag::hwio);
    Operand weights{Where::parameter, o.kernel, logical};
    if (!(pd.weights_desc() == logical)) {
      weights = {Where::packed, static_cast<int>(packed.size()), pd.weights_desc()};
      packed.push_back({o.kernel, logical, dnnl::memory(pd.weights_desc(), cpu())});
    }
    Call call{dnnl::convolution_forward(pd),
              {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, {Where::value, o.output, pd.dst_desc()}}}};
    if (o.bias >= 0) {
      call.operands.push_back({DNNL_ARG_BIAS, {Where::parameter, o.bias, bias_desc(o.out.channels)}});
    }
    add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    step.algorithm = pd.impl_info_str();
  }

  void add_pool(const op::Operation& o, const op::Window& window, dnnl::algorithm algorithm, Step& step) {
    const Desc src = layout(o.inputs[0]);
    const bool vector = o.out.is_vector();
    const Dims pooled = vector ? image_dims(1, 1, o.out.channels) : o.out;
    // A vector is wanted as plain rows, which a blocked 1 x 1 map is as well where the channels fill their blocks.
    const Desc dst = vector && o.out.channels % 16 != 0 ? f32(batch_of(pooled, batch), Tag::nhwc) : any(pooled, batch);
    const Desc from = vector && o.out.channels % 16 != 0 ? plain(o.in, batch) : src;
    const auto pd = pooling(from, dst, window, algorithm);
    const Operand operand = bring(o.inputs[0], from, 0, step);
    settle(o.output, o.out, vector ? plain(o.out, batch) : pd.dst_desc());
    Call call{dnnl::pooling_forward(pd),
              {{DNNL_ARG_SRC, operand}, {DNNL_ARG_DST, {Where::value, o.output, pd.dst_desc()}}}};
    add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    step.algorithm = pd.impl_info_str();
  }

  void add_dense(const op::Operation& o, Step& step) {
    const auto kind = o.backward() ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const auto pd = dense(o, batch, kind);
    const Operand src = bring(o.inputs[0], pd.src_desc(), 0, step);
    settle(o.output, o.out, pd.dst_desc());
    Call call{dnnl::inner_product_forward(pd),
              {{DNNL_ARG_SRC, src},
               {DNNL_ARG_WEIGHTS, {Where::parameter, o.kernel, dense_weights(o)}},
               {DNNL_ARG_DST, {Where::value, o.output, pd.dst_desc()}}}};
    if (o.bias >= 0) {
      call.operands.push_back({DNNL_ARG_BIAS, {Where::parameter, o.bias, bias_desc(o.out.channels)}});
    }
    add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    step.algorithm = pd.impl_info_str();
  }

  void add_backward(const op::Operation& o) {
    Step step{&o, {}};
    if (o.kind == op::Kind::dense) {
      const auto forward_pd = dense(o, batch, dnnl::prop_kind::forward_training);
      const Operand gradient{Where::gradient, o.output, plain(o.out, batch)};
      if (o.gradient_parameters) {
        const auto pd = dense_backward_weights(o, batch, forward_pd);
        Call call{dnnl::inner_product_backward_weights(pd),
                  {{DNNL_ARG_SRC, {Where::value, o.inputs[0], plain(o.in, batch)}},
                   {DNNL_ARG_DIFF_DST, gradient},
                   {DNNL_ARG_DIFF_WEIGHTS, {Where::parameter_gradient, o.kernel, dense_weights(o)}}}};
        if (o.bias >= 0) {
          call.operands.push_back(
              {DNNL_ARG_DIFF_BIAS, {Where::parameter_gradient, o.bias, bias_desc(o.out.channels)}});
        }
        add_scratch(pd.scratchpad_desc(), call);
        step.calls.push_back(std::move(call));
      }
      if (o.gradient_in) {
        const auto pd = dense_backward_data(o, batch, forward_pd);
        Call call{dnnl::inner_product_backward_data(pd),
                  {{DNNL_ARG_DIFF_DST, gradient},
                   {DNNL_ARG_WEIGHTS, {Where::parameter, o.kernel, dense_weights(o)}},
                   {DNNL_ARG_DIFF_SRC, {Where::gradient, o.inputs[0], plain(o.in, batch)}}}};
        add_scratch(pd.scratchpad_desc(), call);
        step.calls.push_back(std::move(call));
      }
    }
    if (o.kind == op::Kind::custom) {
      step.staged[0] = bring(o.inputs[0], plain(o.in, batch), 0, step).where == Where::staging;
    }
    backward.push_back(std::move(step));
  }

  ProgramSpec spec_;
  std::vector<Desc> layouts_;  // by value
  bool blocked_ = false;       // some convolution is Winograd, whose maps are blocked by 16 channels
  bool automatic_ = false;
};

}  // namespace cxrnet::onednn
