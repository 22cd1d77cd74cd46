#pragma once
#include <cxrnet/op/quantize.hpp>

#include <cstddef>

// Which convolutions are computed here, and how a map of bytes lies in memory: what a network's type asks of this backend.
namespace cxrnet::cpu {

/// A map of bytes, for each image: blocks of channels, rows, columns, a block's channels; a ring of zeros around rows and
/// columns, so that no window ends outside. A block is 16 channels, or 4 of an image, whose three are filled up by zeros.
struct ByteMap {
  int height = 0;
  int width = 0;
  int channels = 0;

  [[nodiscard]] constexpr int block() const { return channels <= 4 ? 4 : 16; }
  [[nodiscard]] constexpr int blocks() const { return (channels + block() - 1) / block(); }
  [[nodiscard]] constexpr std::ptrdiff_t row() const { return std::ptrdiff_t{width + 2} * block(); }
  [[nodiscard]] constexpr std::ptrdiff_t plane() const { return row() * (height + 2); }
  [[nodiscard]] constexpr std::ptrdiff_t size() const { return plane() * blocks(); }
};
constexpr ByteMap byte_map(Dims dims) { return {dims.height, dims.width, dims.channels}; }

/// Whether an operation is a convolution that Winograd's kernels (winograd.hpp) compute.
constexpr bool has_winograd(const op::Operation& o) {
  const op::Window& w = o.window;
  const op::Window& p = o.pool;
  const bool same = w.height == 3 && w.width == 3 && w.stride == 1 && w.pad_top == 1 && w.pad_left == 1 &&
                    w.pad_bottom == 1 && w.pad_right == 1;
  const bool pools = p.height == 0 || (p.height == 2 && p.width == 2 && p.stride == 2 && p.pad_top == 0 &&
                                       p.pad_left == 0 && p.pad_bottom == 0 && p.pad_right == 0);
  return o.kind == op::Kind::convolution && o.precision == op::Precision::float32 && same && pools &&
         o.in.channels % 16 == 0 && o.out.channels % 16 == 0 &&
         (o.activation == op::Activation::none || o.activation == op::Activation::relu);
}

/// Whether an operation is a convolution that the kernels on bytes (quantized.hpp) compute.
constexpr bool has_byte_convolution(const op::Operation& o) {
  const op::Window& p = o.pool;
  const bool pools = p.height == 0 || (p.height == 2 && p.width == 2 && p.stride == 2 && p.pad_top + p.pad_left == 0 &&
                                       p.pad_bottom + p.pad_right == 0);
  const bool channels = (o.scale_in < 0 ? o.in.channels <= 4 : o.in.channels % 16 == 0) && o.out.channels % 16 == 0;
  return op::is_quantized_convolution(o) && o.window.stride == 1 && pools && channels;
}

}  // namespace cxrnet::cpu
