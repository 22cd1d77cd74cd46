#pragma once
#include <cxrnet/op/operation.hpp>

#include <cstddef>

namespace cxrnet::cuda {

/// What maps and working weights are made of; tf32 keeps them in f32 and rounds products alone. Sums are always in f32.
enum class Number { half, bfloat16, tf32, float32 };

constexpr std::size_t size_of(Number number) {
  return number == Number::half || number == Number::bfloat16 ? 2 : 4;
}

/// Channels of a map on the device: in two bytes a multiple of 8, which the tensor cores' engines want.
constexpr int padded_channels(int channels, Number number) {
  return size_of(number) == 2 ? (channels + 7) / 8 * 8 : channels;
}

/// What a cuDNN graph computes. Maps are NHWC, kernels KRSC (out, height, width, in), both with padded channels.
enum class Pattern {
  convolution,      ///< y = [relu](conv(x, w) [+ bias]); the bias in `number`'s bytes
  data_gradient,    ///< dx = conv^T(dy, w) [where the layer before it gave above 0: the epilogue reads that output]
  weight_gradient,  ///< dw (f32 where the engine allows, else `number`'s) of x and dy
  bias_gradient     ///< db (f32) = sum of dy over images and places
};

/// One graph of the product: what cuDNN is asked to build a plan for, and the key under which the plan is kept.
struct Graph {
  Pattern pattern = Pattern::convolution;
  Number number = Number::half;
  int batch = 0;
  int in_height = 0, in_width = 0, in_channels = 0;     ///< of the convolution's input, channels padded
  int out_height = 0, out_width = 0, out_channels = 0;  ///< of its output
  op::Window window{};
  bool bias = false;  ///< convolution: adds it
  bool relu = false;  ///< convolution: applies it; data_gradient: the epilogue of the layer before

  friend constexpr bool operator==(const Graph&, const Graph&) = default;
};

}  // namespace cxrnet::cuda
