#pragma once
#include <cxrnet/core/shape.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace cxrnet::op {

/// What a backend is asked to do. A new kind is one enumerator here and one case in each backend.
enum class Kind {
  convolution,
  dense,
  bias,
  activation,
  max_pool,
  global_average_pool,
  flatten,
  dropout,
  add,
  batch_norm,
  custom
};

enum class Activation { none, relu, softmax, sigmoid };

/// The numbers that an operation gives, and computes with.
enum class Precision { float32, int8, bfloat16 };

/// What a batch normalisation normalises with: the moving averages that training has left, or the batch's own.
enum class Statistics { moving, batch };

/// A sliding window over height and width: a convolution's kernel or a pool. Height 0 means none.
struct Window {
  int height = 0;
  int width = 0;
  int stride = 1;
  int pad_top = 0;
  int pad_left = 0;
  int pad_bottom = 0;
  int pad_right = 0;

  friend constexpr bool operator==(const Window&, const Window&) = default;
};

struct Custom;

/// One operation on numbered values. Value 0 is the network's input. Shapes are logical; layouts are the backend's.
struct Operation {
  Kind kind = Kind::flatten;
  std::array<int, 2> inputs{-1, -1};  ///< value numbers; the second only where two branches meet
  int output = -1;                    ///< value number
  Dims in{};                           ///< of the first input (the second has the same)
  Dims out{};
  Window window{};                            ///< convolution, max_pool
  int kernel = -1;                            ///< parameter number, -1: none
  int bias = -1;                              ///< parameter number, -1: none
  Activation activation = Activation::none;   ///< what `activation` applies, or what is fused behind this operation
  Window pool{};                              ///< a max pool fused behind the activation
  double rate = 0;                            ///< dropout: the share of elements set to zero
  double epsilon = 0;                         ///< batch_norm: added to the variance
  Statistics statistics = Statistics::moving;  ///< batch_norm; `first_parameter` on: gamma, beta, mean, variance
  const Custom* custom = nullptr;             ///< a user's own functions
  int first_parameter = -1;                   ///< custom, batch_norm: its parameters' first number
  int parameter_count = 0;                    ///< custom, batch_norm: how many
  Precision precision = Precision::float32;
  int scale = -1;     ///< int8: parameter number of the output's scales, a channel each
  int scale_in = -1;  ///< of the first input's where that is int8; -1: the image's bytes
  int layer = 0;                              ///< the layer it came from
  int segment = -1;                           ///< whose values are computed again for backward, -1: kept
  bool chained = false;                       ///< it runs along with the next one, whose only input it gives
  bool continues = false;                     ///< it runs along with the one before
  bool gradient_in = false;                   ///< backward gives the inputs' gradient
  bool gradient_parameters = false;           ///< backward gives its parameters' gradients

  /// Operands, 1 or 2.
  [[nodiscard]] constexpr int input_count() const { return inputs[1] < 0 ? 1 : 2; }
  [[nodiscard]] constexpr bool backward() const { return gradient_in || gradient_parameters; }
};

/// Whether operation i's value stays for backward as it was made: it stands in no segment, or somebody outside reads it.
constexpr bool keeps_value(std::span<const Operation> operations, std::size_t i) {
  const Operation& made = operations[i];
  if (made.segment < 0 || i + 1 == operations.size()) return true;
  for (std::size_t k = i + 1; k < operations.size(); ++k) {
    const bool reads = operations[k].inputs[0] == made.output || operations[k].inputs[1] == made.output;
    if (reads && operations[k].segment != made.segment) return true;
  }
  return false;
}

/// Whether backward starts a segment's backward with operation i, and so computes the segment's values again before it.
constexpr bool starts_segment_backward(std::span<const Operation> operations, std::size_t i) {
  if (operations[i].segment < 0 || !operations[i].backward()) return false;
  for (std::size_t k = i + 1; k < operations.size(); ++k) {
    if (operations[k].segment == operations[i].segment && operations[k].backward()) return false;
  }
  return true;
}

/// Calls run(k) for each operation k that runs once more before operation i goes backward, in order.
template <class Run>
constexpr void for_each_recomputed(std::span<const Operation> operations, std::size_t i, Run run) {
  if (!starts_segment_backward(operations, i)) return;
  for (std::size_t k = 0; k < operations.size(); ++k) {
    if (operations[k].segment == operations[i].segment && !keeps_value(operations, k)) run(k);
  }
}

/// The dims before a fused pool shrinks them.
constexpr Dims before_pool(const Operation& operation) {
  if (operation.pool.height == 0) return operation.out;
  if (operation.kind != Kind::convolution) return operation.in;
  const auto extent = [](int size, int window, int stride, int pads) { return (size + pads - window) / stride + 1; };
  const Window& w = operation.window;
  return image_dims(extent(operation.in.height, w.height, w.stride, w.pad_top + w.pad_bottom),
                    extent(operation.in.width, w.width, w.stride, w.pad_left + w.pad_right), operation.out.channels);
}

/// Multiply-adds count two; what else an operation does is not counted, as is customary.
constexpr double flops(const Operation& operation) {
  if (operation.kind == Kind::convolution) {
    return 2.0 * static_cast<double>(before_pool(operation).size()) * operation.window.height *
           operation.window.width * operation.in.channels;
  }
  if (operation.kind == Kind::dense) return 2.0 * static_cast<double>(operation.in.size() * operation.out.size());
  return 0.0;
}

/// A user's operation on plain NHWC data of `n` samples: `parameters` and `gradients` point to each in turn.
template <class T>
struct CustomFunctions {
  void (*forward)(Dims in, int n, const T* x, const T* const* parameters, T* y) = nullptr;
  /// Writes `dx` unless it is null, adds to `gradients` unless it is null.
  void (*backward)(Dims in, int n, const T* x, const T* y, const T* dy, const T* const* parameters, T* dx,
                   T* const* gradients) = nullptr;
};

struct Custom {
  CustomFunctions<float> f32;
  CustomFunctions<double> f64;
  static constexpr int max_parameters = 8;

  template <class T>
  [[nodiscard]] constexpr const CustomFunctions<T>& of() const {
    if constexpr (sizeof(T) == sizeof(double)) return f64;
    else return f32;
  }
};

/// The functions of a user's layer, as a backend calls them.
template <class Layer>
inline constexpr Custom custom_functions{{&Layer::template forward<float>, &Layer::template backward<float>},
                                         {&Layer::template forward<double>, &Layer::template backward<double>}};

}  // namespace cxrnet::op
