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

/// Whether a convolution leaves the map's size as it is, with a window of 3x3 pixels in steps of one.
constexpr bool is_same_3x3(const op::Window& w) { return w == op::Window{3, 3, 1, 1, 1, 1, 1}; }

/// Whether an operation is a convolution that Winograd's kernels (winograd.hpp) compute.
constexpr bool has_winograd(const op::Operation& o) {
  const op::Window& p = o.pool;
  const bool pools = p.height == 0 || (p.height == 2 && p.width == 2 && p.stride == 2 && p.pad_top == 0 &&
                                       p.pad_left == 0 && p.pad_bottom == 0 && p.pad_right == 0);
  return o.kind == op::Kind::convolution && o.precision == op::Precision::float32 && is_same_3x3(o.window) && pools &&
         o.in.channels % 16 == 0 && o.out.channels % 16 == 0 &&
         (o.activation == op::Activation::none || o.activation == op::Activation::relu);
}

/// Whether an operation is a convolution of an image that the kernel for such (first_convolution.hpp) computes.
constexpr bool has_first_convolution(const op::Operation& o) {
  return o.kind == op::Kind::convolution && o.precision == op::Precision::float32 && is_same_3x3(o.window) &&
         o.pool.height == 0 && o.in.channels <= 4 && o.out.channels % 32 == 0 &&
         (o.activation == op::Activation::none || o.activation == op::Activation::relu);
}

/// Rows that a Chain keeps of a map in between: three rows of tiles.
inline constexpr int chain_rows = 12;

/// Whether two convolutions run tile by tile, as a Chain: where the map between them is too large to stay in a cache, and
/// some rows of it are not.
constexpr bool chains(const op::Operation& first, const op::Operation& next) {
  const std::size_t map = first.out.size() * sizeof(float);
  const std::size_t row = map / static_cast<std::size_t>(first.out.height);
  return (has_first_convolution(first) || has_winograd(first)) && first.pool.height == 0 && has_winograd(next) &&
         map >= std::size_t{4} << 20U && chain_rows * row <= std::size_t{1} << 20U;
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
