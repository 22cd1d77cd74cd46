#pragma once
#include <cxrnet/augment/geometry.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cxrnet {

/// From decoded bytes (height x width x 3) to the network's input (as many floats): what `prepare<...>` is without
/// its types. Thread-safe.
using PrepareFunction = void (*)(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                                 float* prepared);

namespace detail {

using Float4 = float __attribute__((vector_size(16)));
using Int4 = std::int32_t __attribute__((vector_size(16)));

static_assert(std::endian::native == std::endian::little, "pixels are taken apart as little-endian words");

/// The low three bytes as floats, left where they stand: times 1, 256 and 65536. Sampling is linear, so that these
/// factors are taken out with preprocessing's, and no byte is ever moved.
inline Float4 spread(std::uint32_t pixel) {
  const auto word = static_cast<std::int32_t>(pixel);
  return __builtin_convertvector(Int4{word, word, word, word} & Int4{0xFF, 0xFF00, 0xFF0000, 0}, Float4);
}

struct PixelPair {
  Float4 left;
  Float4 right;
};

enum class Columns { one, several };

/// A pixel and its right neighbour; reads exactly their six bytes (three where there is one column).
template <Columns columns>
PixelPair load_pair(const std::uint8_t* at) {
  // Whole words and shifts: copying six bytes into an eight-byte variable stalls on its reading back.
  std::uint16_t low = 0;
  std::memcpy(&low, at, sizeof low);
  if constexpr (columns == Columns::one) {
    const Float4 pixel = spread(low | static_cast<std::uint32_t>(at[2]) << 16U);
    return {pixel, pixel};
  } else {
    std::uint32_t high = 0;
    std::memcpy(&high, at + 2, sizeof high);
    return {spread(low | high << 16U), spread(high >> 8U)};
  }
}

/// Preprocessing of one spread pixel, and its three floats.
template <class Preprocess>
void store_pixel(Float4 spread_rgb, float* prepared) {
  constexpr auto factor = [](int c) { return Preprocess::scale(c) / static_cast<float>(1 << 8 * Preprocess::source(c)); };
  constexpr Float4 scale{factor(0), factor(1), factor(2), 0.0F};
  constexpr Float4 shift{Preprocess::shift(0), Preprocess::shift(1), Preprocess::shift(2), 0.0F};
  const Float4 ordered = __builtin_shufflevector(spread_rgb, spread_rgb, Preprocess::source(0), Preprocess::source(1),
                                                 Preprocess::source(2), 3);
  const Float4 result = ordered * scale + shift;
  std::memcpy(prepared, &result, 3 * sizeof(float));
}

/// The matrix about the centre, in Keras's way: x is the column and y the row, but the centre of x is taken from the
/// height and that of y from the width, which matters where an image is not square.
inline Affine about_centre(const Affine& matrix, int height, int width) {
  const double x = height / 2.0 - 0.5;
  const double y = width / 2.0 - 0.5;
  return Affine{1.0, 0.0, x, 0.0, 1.0, y} * matrix * Affine{1.0, 0.0, -x, 0.0, 1.0, -y};
}

/// Copies with mirroring alone.
template <class Preprocess>
void prepare_mirrored(const std::uint8_t* rgb, int height, int width, const Geometry& geometry, float* prepared) {
  const std::ptrdiff_t step = geometry.columns == Mirror::yes ? -3 : 3;
  for (int row = 0; row < height; ++row) {
    const std::ptrdiff_t source_row = geometry.rows == Mirror::yes ? height - 1 - row : row;
    const std::uint8_t* source = rgb + (source_row * width + (step < 0 ? width - 1 : 0)) * 3;
    for (int column = 0; column < width; ++column, source += step, prepared += 3) {
      for (int c = 0; c < 3; ++c) {
        prepared[c] =
            static_cast<float>(source[Preprocess::source(c)]) * Preprocess::scale(c) + Preprocess::shift(c);
      }
    }
  }
}

/// Bilinear sampling at `map`'s coordinates, held at the image's edges (fill_mode "nearest").
template <class Preprocess, Columns columns>
void prepare_sampled(const std::uint8_t* rgb, int height, int width, const Affine& map, float* prepared) {
  constexpr int chunk = 64;
  std::int32_t offset[chunk];
  float across[chunk];
  float down[chunk];
  const double last_x = width - 1;
  const double last_y = height - 1;
  // At the last column the left neighbour is the one before it, with weight 0: no reading past the end.
  const int last_left = std::max(width - 2, 0);
  const int last_top = std::max(height - 2, 0);
  const std::ptrdiff_t next_row = height > 1 ? std::ptrdiff_t{width} * 3 : 0;
  for (int row = 0; row < height; ++row) {
    const double row_x = map.xy * row + map.x0;
    const double row_y = map.yy * row + map.y0;
    for (int start = 0; start < width; start += chunk) {
      const int count = std::min(chunk, width - start);
      for (int i = 0; i < count; ++i) {
        // In this order of arguments std::max turns NaN to 0.
        const double x = std::min(std::max(0.0, row_x + map.xx * (start + i)), last_x);
        const double y = std::min(std::max(0.0, row_y + map.yx * (start + i)), last_y);
        const int left = std::min(static_cast<int>(x), last_left);
        const int top = std::min(static_cast<int>(y), last_top);
        offset[i] = (top * width + left) * 3;
        across[i] = static_cast<float>(x - left);
        down[i] = static_cast<float>(y - top);
      }
      for (int i = 0; i < count; ++i, prepared += 3) {
        const std::uint8_t* at = rgb + offset[i];
        const PixelPair top = load_pair<columns>(at);
        const PixelPair bottom = load_pair<columns>(at + next_row);
        const Float4 left = top.left + (bottom.left - top.left) * down[i];
        const Float4 right = top.right + (bottom.right - top.right) * down[i];
        store_pixel<Preprocess>(left + (right - left) * across[i], prepared);
      }
    }
  }
}

}  // namespace detail

/// Augmentation, mirroring and preprocessing in one pass: `rgb` is height x width x 3 bytes, `prepared` as many floats
/// in the order of `Preprocess`. height x width is at most max_image_pixels. As Keras's apply_transform, then rescale.
template <class Augmentation, class Preprocess>
void prepare(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform, float* prepared) {
  const Geometry geometry = Augmentation::geometry(transform);
  if (geometry.matrix == Affine{}) {
    detail::prepare_mirrored<Preprocess>(rgb, height, width, geometry, prepared);
    return;
  }
  Affine map = detail::about_centre(geometry.matrix, height, width);
  if (geometry.columns == Mirror::yes) map = map * Affine{-1.0, 0.0, width - 1.0, 0.0, 1.0, 0.0};
  if (geometry.rows == Mirror::yes) map = map * Affine{1.0, 0.0, 0.0, 0.0, -1.0, height - 1.0};
  if (width > 1) {
    detail::prepare_sampled<Preprocess, detail::Columns::several>(rgb, height, width, map, prepared);
  } else {
    detail::prepare_sampled<Preprocess, detail::Columns::one>(rgb, height, width, map, prepared);
  }
}

}  // namespace cxrnet
