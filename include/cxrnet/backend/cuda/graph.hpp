#pragma once
#include <cxrnet/backend/cuda/readers.hpp>
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What the product asks of cuDNN: plain structs, with no CUDA header behind them.
namespace cxrnet::cuda {

/// What maps and working weights are made of; tf32 keeps them in f32 and rounds products alone. Sums are always in f32.
enum class Number { half, bfloat16, tf32, float32 };

inline constexpr std::string_view name_of(Number number) {
  constexpr std::string_view names[] = {"f16", "bf16", "tf32", "f32"};
  return names[static_cast<int>(number)];
}

constexpr std::size_t size_of(Number number) {
  return number == Number::half || number == Number::bfloat16 ? 2 : 4;
}

/// Channels of a map on the device: in two bytes a multiple of 8, which the tensor cores' engines want.
constexpr int padded_channels(int channels, Number number) {
  return size_of(number) == 2 ? (channels + 7) / 8 * 8 : channels;
}

/// What a cuDNN graph computes. Maps are NHWC, kernels KRSC (out, height, width, in), both with padded channels.
enum class Pattern {
  convolution,      ///< y = [relu](conv(x, w) [+ bias]); operands x, w, [bias], y, all of the graph's numbers
  data_gradient,    ///< dx = conv^T(dy, w), with `relu` where y_before is above 0; operands dy, w, [y_before], dx
  weight_gradient,  ///< operands x, dy, dw
  bias_gradient     ///< db = the sum of dy over images and places, in f32; operands dy, db
};

inline constexpr std::string_view name_of(Pattern pattern) {
  constexpr std::string_view names[] = {"convolution", "data_gradient", "weight_gradient", "bias_gradient"};
  return names[static_cast<int>(pattern)];
}

/// One graph of the product: what cuDNN is asked to build a plan for, and the key under which the plan is kept.
struct Graph {
  Pattern pattern = Pattern::convolution;
  Number number = Number::half;
  int batch = 0;
  Dims in{};   ///< of the convolution's input, channels padded
  Dims out{};  ///< of its output
  op::Window window{};
  bool bias = false;
  bool relu = false;  ///< convolution: applies it; data_gradient: the epilogue that the layer before it needs

  friend constexpr bool operator==(const Graph&, const Graph&) = default;

  /// Numbers of each operand, in the order of Pattern.
  [[nodiscard]] std::vector<std::size_t> operand_numbers() const {
    const auto n = static_cast<std::size_t>(batch), channels = static_cast<std::size_t>(out.channels);
    const std::size_t x = n * in.size(), y = n * out.size();
    const std::size_t w = channels * static_cast<std::size_t>(window.height * window.width * in.channels);
    switch (pattern) {
      case Pattern::convolution: return bias ? std::vector{x, w, channels, y} : std::vector{x, w, y};
      case Pattern::data_gradient: return relu ? std::vector{y, w, x, x} : std::vector{y, w, x};
      case Pattern::weight_gradient: return {x, y, w};
      case Pattern::bias_gradient: return {y, channels};
    }
    return {};
  }
  /// Their bytes: a bias gradient is in f32.
  [[nodiscard]] std::vector<std::size_t> operand_bytes() const {
    std::vector<std::size_t> bytes = operand_numbers();
    for (std::size_t& b : bytes) b *= size_of(number);
    if (pattern == Pattern::bias_gradient) bytes.back() = static_cast<std::size_t>(out.channels) * sizeof(float);
    return bytes;
  }
  /// Multiply-adds count two.
  [[nodiscard]] constexpr double flops() const {
    if (pattern == Pattern::bias_gradient) return 0;
    return 2.0 * batch * static_cast<double>(out.size()) * window.height * window.width * in.channels;
  }
};

/// "f16 convolution+bias+relu 32x224x224x8 to 224x224x64, 3x3", and what the window has besides: "3x3 by 2, padded 0 0 1 1" (the
/// stride; above, left, below, right) unless each row and column has its own place. Other graphs have other texts: plans are kept
/// under them.
inline std::string describe(const Graph& g) {
  const auto joined = [](const char* between, std::initializer_list<int> numbers) {
    std::string text;
    for (const int number : numbers) text += (text.empty() ? "" : between) + std::to_string(number);
    return text;
  };
  const op::Window& w = g.window;
  std::string text = std::string(name_of(g.number)) + " " + std::string(name_of(g.pattern)) + (g.bias ? "+bias" : "") +
                     (g.relu ? "+relu" : "") + " " + joined("x", {g.batch, g.in.height, g.in.width, g.in.channels});
  if (g.pattern == Pattern::bias_gradient) return text;
  text += " to " + joined("x", {g.out.height, g.out.width, g.out.channels}) + ", " + joined("x", {w.height, w.width});
  const int above = (w.height - 1) / 2, left = (w.width - 1) / 2;
  const op::Window usual{w.height, w.width, 1, above, left, w.height - 1 - above, w.width - 1 - left};
  if (w != usual) text += " by " + std::to_string(w.stride) + ", padded " + joined(" ", {w.pad_top, w.pad_left, w.pad_bottom, w.pad_right});
  return text;
}

/// A convolution's forward graph, its pool left out: that is a kernel of ours.
constexpr Graph forward_graph(const op::Operation& o, Number number, int batch) {
  Graph g{.pattern = Pattern::convolution, .number = number, .batch = batch, .in = o.in, .out = op::before_pool(o),
          .window = o.window, .bias = o.bias >= 0, .relu = o.activation == op::Activation::relu};
  g.in.channels = padded_channels(g.in.channels, number);
  g.out.channels = padded_channels(g.out.channels, number);
  return g;
}

/// The gradient of a convolution's bias: of its output alone, so that convolutions of one output's dims share it.
constexpr Graph bias_gradient_graph(const Graph& forward) {
  return {.pattern = Pattern::bias_gradient, .number = forward.number, .batch = forward.batch, .in = forward.out, .out = forward.out};
}

/// The graphs of convolutions among a network's operations, in order, each as often as it is run: forward, and where
/// `backward` says so of those that train. The epilogue of a data gradient is the ReLU that made its input, where nothing else
/// reads that.
inline std::vector<Graph> graphs_of(std::span<const op::Operation> operations, Number number, int batch) {
  std::vector<Graph> graphs;
  std::size_t values = 0;
  for (const op::Operation& o : operations) values = std::max(values, static_cast<std::size_t>(o.output) + 1);
  const Readers readers(operations, values);
  for (const op::Operation& o : operations) {
    if (o.kind == op::Kind::convolution) graphs.push_back(forward_graph(o, number, batch));
  }
  for (std::size_t i = operations.size(); i-- > 0;) {
    const op::Operation& o = operations[i];
    if (o.kind != op::Kind::convolution) continue;
    Graph g = forward_graph(o, number, batch);
    g.bias = g.relu = false;
    if (o.gradient_parameters) {
      g.pattern = Pattern::weight_gradient;
      graphs.push_back(g);
      if (o.bias >= 0) graphs.push_back(bias_gradient_graph(g));
    }
    if (o.gradient_in) {
      g.pattern = Pattern::data_gradient;
      g.relu = readers.masks_alone(i, o.inputs[0]);
      graphs.push_back(g);
    }
  }
  return graphs;
}

}  // namespace cxrnet::cuda
