#pragma once
#include <cxrnet/core/memory_plan.hpp>
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/op/quantize.hpp>
#include <cxrnet/op/update.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

// The contract between network and backend. A backend is a type:
//
//   using scalar = float;                      what logical parameters, gradients and results are made of
//   using rules = Rules<...>;                  the fusions it has one operation for (op/rules.hpp)
//   static constexpr std::string_view name;
//   static constexpr std::size_t value_bytes(Dims, op::Precision);  upper bound for one image, whatever the layout
//   static constexpr int micro_batch(int capacity);             images that it runs at once
//   static constexpr bool trains(const op::Operation&);         whether it has that operation's backward
//   static constexpr bool runs(const op::Operation&);           whether it has that fused operation in its Precision,
//                                                               where that is not float32
//   class Program;
//   static constexpr bool samples = true;      optional: its Program takes images as they are decoded, by its Staging
//   static constexpr bool on_device = true;    optional: values lie in memory that its contexts own; an arena of the host
//                                              takes no bytes then
//
// and its Program runs a list of operations:
//
//   Program(const ProgramSpec&, int batch, const scalar* parameters);  throws BackendError
//   void update();                             parameters have changed: what was packed of them is packed anew
//   std::size_t packed_bytes() const;          weights that it keeps in a layout of its own
//   std::size_t workspace_bytes() const;       what one context needs besides its part of the arena
//   std::vector<Algorithm> algorithms() const; what it picked for each operation, backward behind forward
//   class Context;                             what one thread needs: Context(const Program&, std::byte* arena,
//                                              std::byte* workspace), both aligned to arena_alignment
//                                              optional: `static constexpr std::size_t carried`, how many numbers a
//                                              training goes on with, carry(std::span<scalar>) const, which gives them, and
//                                              carry_on(std::span<const scalar>), which takes them or throws ArgumentError
//   void forward(Context&, const void* input, int n, float* output) const;
//                                              reads floats, or bytes where ProgramSpec::input_precision is int8
//   void backward(Context&, int n, const scalar* seed, scalar* gradients) const;
//                                              writes what ParameterInfo::gradient says: of a parameter that trains its
//                                              gradient, of one that averages the batch's statistic
//
// optional, of a backend that samples decoded images:
//
//   class Staging;                             with Map, what an image is sampled by, and Batch, whose size() images lie there
//   Staging& staging(Context&) const;
//   void Staging::stage(const std::uint8_t* rgb, const Map* maps, int n);      begins to bring them, beside other work
//   Batch& Staging::forward();                 the forward of those that were staged last, not awaited
//   void Staging::receive_later(Batch&);       begins to bring its output to the host
//   void Staging::receive(Batch&, float*);     awaits it
//
// optional, of a backend that makes whole training steps where its values lie:
//
//   class Training;                            Training(Program&, Context&, std::size_t state_per_parameter)
//   Training::begin(const TrainingStep&, const float* features);                      of the host; not awaited
//   Training::begin(const TrainingStep&, const Program& before, Context&);            of Staging::forward before the cut
//   bool Training::finish(std::span<scalar> outputs);      awaits it: the outputs; whether all gradients were finite, without
//                                              which nothing has changed
//   Training::read_gradients, read_state, read_parameters(std::span<scalar>), write_state(std::span<const scalar>)
//
// `forward` and `backward` allocate nothing. A layer never includes a backend.

/// What a program is made of. The spans must outlive it: they are constants of the network's type.
struct ProgramSpec {
  std::span<const op::Operation> operations;
  std::span<const ParameterInfo> parameters;
  std::span<const Slot> values;     ///< by value number
  std::span<const Slot> gradients;  ///< by value number
  std::size_t bytes = 0;            ///< of the arena, for each image
  int input = 0;
  int output = 0;
  Dims input_dims;
  Dims output_dims;
  Mode mode = Mode::inference;
  op::Precision input_precision = op::Precision::float32;
  std::span<const ChannelMap> image{};  ///< how the bytes of the input are prepared, where it is of bytes
};

/// What an arena takes of the host's memory.
template <class Backend>
constexpr std::size_t host_bytes(std::size_t arena) {
  if constexpr (requires { Backend::on_device; }) return 0;
  else return arena;
}

/// Whether a value of a program is of bytes: what an operation in int8 gives.
inline bool holds_bytes(const ProgramSpec& spec, int value) {
  return std::ranges::any_of(spec.operations, [&](const op::Operation& o) {
    return o.output == value && o.precision == op::Precision::int8;
  });
}

/// A convolution in int8 out of a program's parameters. BackendError where its scales, or those of what it reads, are not
/// above 0.
template <class T>
op::QuantizedConvolution quantized(const ProgramSpec& spec, const op::Operation& o, const T* parameters) {
  const auto values = [&](int number) {
    if (number < 0) return std::vector<float>();
    const ParameterInfo& info = spec.parameters[static_cast<std::size_t>(number)];
    return std::vector<float>(parameters + info.offset, parameters + info.offset + info.parameter.size());
  };
  const auto scale = values(o.scale), scale_in = values(o.scale_in);
  for (const auto* scales : {&scale, &scale_in}) {
    if (std::ranges::all_of(*scales, [](float s) { return s > 0 && s < 3e38F; })) continue;
    throw BackendError("A network in Int8 has scales for its activations, and layer " + std::to_string(o.layer) +
                       " lacks some: calibrate its parameters with images first, or load a model that was.");
  }
  return op::quantize(o, values(o.kernel), values(o.bias), scale_in, scale, spec.image);
}

/// A look at what a program computes: called for each operation's value, n images as plain NHWC floats, in order.
using Observer = std::function<void(const op::Operation&, int n, std::span<const float> value)>;

/// What a backend picked for an operation. Recorded with checkpoints and cache keys: a choice changes last bits.
struct Algorithm {
  int layer = 0;
  std::string operation;  ///< "convolution+bias+relu"
  std::string name;       ///< "jit_wino_4x3:avx512_core"
};

/// Time that each operation took, summed over calls; give a context one to have it filled.
struct Profile {
  std::vector<double> seconds;  ///< by operation
  double borders = 0;           ///< of no operation: plain input into the first one's layout, the last one's to plain output
  double images = 0;            ///< that went through, those that only fill a batch included
};

/// Adds the seconds of its life to a sum, if there is one.
class Stopwatch {
 public:
  explicit Stopwatch(double* sum) : sum_(sum) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    if (sum_ != nullptr) *sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double* sum_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Whose gradient `backward` is given: the output's; or, where the last operation ends in a softmax or a sigmoid, that of
/// its input, which a loss gives more exactly.
enum class Seed { output, logits };

/// Draws of dropout are a function of these and of the element.
struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
};

/// A training step as a backend is asked to make it: forward, the gradient of a loss (of the form that train/loss.hpp states), backward, clipping and
/// the optimiser.
struct TrainingStep {
  int n = 0;
  std::span<const float> truth;   ///< n x outputs
  std::span<const float> slope;   ///< n
  std::span<const float> weight;  ///< n
  float divisor = 1;
  op::ClipBy clip = op::ClipBy::nothing;
  double limit = 0;
  std::span<const op::Update> updates{};  ///< of each parameter that changes; none: gradients alone
};

/// What a context is told before a call. A backend's Context has these.
struct CallSettings {
  DropoutKey dropout;
  Seed seed = Seed::output;
  Profile* profile = nullptr;
  const Observer* observer = nullptr;
};

/// An operation's kind and what is fused to it: "convolution+bias+relu+max_pool".
inline std::string describe(const op::Operation& operation) {
  static constexpr const char* kinds[] = {"convolution", "dense",   "bias",    "activation", "max_pool",
                                          "global_average_pool", "flatten", "dropout", "add", "batch_norm", "custom"};
  static constexpr const char* activations[] = {"none", "relu", "softmax", "sigmoid"};
  const char* const activation = activations[static_cast<int>(operation.activation)];
  if (operation.kind == op::Kind::activation) return activation;
  std::string text = kinds[static_cast<int>(operation.kind)];
  if (operation.bias >= 0 && operation.kind != op::Kind::bias) text += "+bias";
  if (operation.activation != op::Activation::none) text += std::string("+") + activation;
  if (operation.pool.height != 0) text += "+max_pool";
  return text;
}

}  // namespace cxrnet
