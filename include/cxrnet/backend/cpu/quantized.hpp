#pragma once
#include <cxrnet/backend/cpu/convolutions.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/op/quantize.hpp>
#include <cxrnet/simd/target.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// Convolutions on bytes, with bias, ReLU, rounding to bytes and 2x2 max pooling done before anything is stored.
namespace cxrnet::cpu {

/// One convolution of stride 1.
struct ByteShape {
  static constexpr int panel = 32;  ///< output channels that are computed together

  ByteMap from;
  ByteMap to;          ///< behind the pool
  op::Window window;
  int height = 0;      ///< of the results before the pool
  int width = 0;
  bool pool = false;   ///< 2x2, stride 2

  [[nodiscard]] constexpr int panels() const { return (to.channels + panel - 1) / panel; }
  /// Bytes of one panel's kernel.
  [[nodiscard]] constexpr std::ptrdiff_t panel_bytes() const {
    return std::ptrdiff_t{window.height} * window.width * from.blocks() * from.block() * panel;
  }
};

/// What a convolution is made of, by panels: panel, block of input channels, tap, group of 4 input channels, output
/// channel, input channel; bias and multiplier for panels() * panel channels.
struct ByteWeights {
  const std::int8_t* kernel;
  const std::int32_t* bias;  ///< [3][3][channels]
  const float* multiplier;
};

/// Some rows (before the pool) and panels of one image's results.
struct BytePart {
  const std::uint8_t* x;
  std::uint8_t* y;
  int first_row, last_row;
  int first_panel, last_panel;
};

using ByteKernel = void (*)(const ByteShape&, const ByteWeights&, const BytePart&);

namespace bytes {
#define CXRNET_KERNELS <cxrnet/backend/cpu/quantized_kernels.inl>
#include <cxrnet/simd/for_each_target.inl>
}  // namespace bytes

/// The best instruction set for bytes: 512 bits only with byte products.
inline SimdTarget byte_target() {
  const SimdTarget best = simd_target();
  return best == SimdTarget::avx512 && !has_byte_products() ? SimdTarget::avx2 : best;
}

inline ByteKernel byte_kernel([[maybe_unused]] SimdTarget target, const ByteShape& shape) {
  const std::size_t image = shape.from.block() == 4 ? 1 : 0;
  const std::size_t pool = shape.pool ? 1 : 0;
#if defined(__x86_64__)
  if (target == SimdTarget::avx512) return bytes::simd_avx512::byte_kernels[image][pool];
  if (target == SimdTarget::avx2) return bytes::simd_avx2::byte_kernels[image][pool];
#endif
  return bytes::simd_baseline::byte_kernels[image][pool];
}

constexpr ByteShape byte_shape(const op::Operation& o) {
  const Dims results = op::before_pool(o);
  return {byte_map(o.in), byte_map(o.out), o.window, results.height, results.width, o.pool.height != 0};
}

/// A convolution on bytes, ready to run.
class ByteConvolution {
 public:
  ByteConvolution(const ByteShape& shape, SimdTarget target, int threads)
      : shape_(shape), kernel_(byte_kernel(target, shape)), threads_(static_cast<std::size_t>(threads)) {}

  [[nodiscard]] const ByteShape& shape() const { return shape_; }
  /// Of what `pack` writes, aligned to 64.
  [[nodiscard]] std::size_t packed_bytes() const {
    return channels() * 9 * sizeof(std::int32_t) + channels() * sizeof(float) + kernel_bytes();
  }

  void pack(const op::QuantizedConvolution& q, std::byte* packed) const {
    std::memset(packed, 0, packed_bytes());
    const auto out = static_cast<std::size_t>(shape_.to.channels);
    for (std::size_t place = 0; place < 9; ++place) {
      std::memcpy(packed + place * channels() * sizeof(std::int32_t), q.bias.data() + place * out, out * sizeof(std::int32_t));
    }
    std::memcpy(packed + 9 * channels() * sizeof(std::int32_t), q.multiplier.data(), out * sizeof(float));
    auto* const kernel = reinterpret_cast<std::int8_t*>(packed + 10 * channels() * sizeof(float));
    const auto block = static_cast<std::size_t>(shape_.from.block());
    const auto in = static_cast<std::size_t>(shape_.from.channels);
    const auto taps = static_cast<std::size_t>(shape_.window.height * shape_.window.width);
    constexpr std::size_t wide = ByteShape::panel;
    for (std::size_t tap = 0; tap < taps; ++tap) {
      for (std::size_t c = 0; c < in; ++c) {
        const std::size_t group = (c / block * taps + tap) * (block / 4) + c % block / 4;
        for (std::size_t k = 0; k < out; ++k) {
          kernel[k / wide * static_cast<std::size_t>(shape_.panel_bytes()) + (group * wide + k % wide) * 4 + c % 4] =
              q.kernel[(tap * in + c) * out + k];
        }
      }
    }
  }

  /// n images from x to y.
  void run(int n, const std::uint8_t* x, const std::byte* packed, std::uint8_t* y) const {
    const ByteWeights weights{reinterpret_cast<const std::int8_t*>(packed + 10 * channels() * sizeof(float)),
                              reinterpret_cast<const std::int32_t*>(packed),
                              reinterpret_cast<const float*>(packed + 9 * channels() * sizeof(float))};
    // Rows whose input stays in a core's cache while all panels go over it; panels apart where that gives threads too little.
    const int rows = std::min(shape_.height, 14);
    const int bands = (shape_.height + rows - 1) / rows;
    const int enough = 4 * static_cast<int>(threads_);
    const int groups = std::min(shape_.panels(), std::max(1, (enough + n * bands - 1) / (n * bands)));
    const auto parts = static_cast<std::size_t>(n) * static_cast<std::size_t>(bands) * static_cast<std::size_t>(groups);
    for_each_item(parts, threads_, [&](std::size_t part, std::size_t) {
      const int group = static_cast<int>(part) % groups;
      const int band = static_cast<int>(part) / groups % bands;
      const std::ptrdiff_t image = static_cast<std::ptrdiff_t>(part) / groups / bands;
      kernel_(shape_, weights,
              {x + image * shape_.from.size(), y + image * shape_.to.size(), band * rows,
               std::min(shape_.height, (band + 1) * rows), shape_.panels() * group / groups,
               shape_.panels() * (group + 1) / groups});
    });
  }

 private:
  [[nodiscard]] std::size_t channels() const { return static_cast<std::size_t>(shape_.panels()) * ByteShape::panel; }
  [[nodiscard]] std::size_t kernel_bytes() const {
    return static_cast<std::size_t>(shape_.panels()) * static_cast<std::size_t>(shape_.panel_bytes());
  }

  ByteShape shape_;
  ByteKernel kernel_;
  std::size_t threads_;
};

/// n images of up to 4 channels, plain rows of bytes, as a map.
inline void bytes_from_image(const ByteMap& map, int n, const std::uint8_t* image, std::uint8_t* to, std::size_t threads) {
  for_each_item(static_cast<std::size_t>(n), threads, [&](std::size_t i, std::size_t) {
    const auto channels = static_cast<std::size_t>(map.channels);
    const std::uint8_t* from = image + i * channels * static_cast<std::size_t>(map.height) * static_cast<std::size_t>(map.width);
    std::uint8_t* out = to + static_cast<std::ptrdiff_t>(i) * map.size();
    std::memset(out, 0, static_cast<std::size_t>(map.size()));
    for (std::ptrdiff_t y = 1; y <= map.height; ++y) {
      std::uint8_t* pixel = out + y * map.row() + 4;
      for (int x = 0; x < map.width; ++x, pixel += 4, from += channels) {
        for (std::size_t c = 0; c < channels; ++c) pixel[c] = from[c];
      }
    }
  });
}

/// n maps as plain NHWC floats: a byte times its channel's scale.
inline void dequantize(const ByteMap& map, int n, const std::uint8_t* x, std::span<const float> scale, float* y) {
  const auto channels = static_cast<std::size_t>(map.channels);
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (std::ptrdiff_t row = 1; row <= map.height; ++row) {
      for (std::ptrdiff_t column = 1; column <= map.width; ++column, y += channels) {
        for (std::size_t c = 0; c < channels; c += 16) {
          const std::uint8_t* const bytes =
              x + i * map.size() + static_cast<std::ptrdiff_t>(c / 16) * map.plane() + row * map.row() + column * 16;
          for (std::size_t k = 0; k < 16; ++k) y[c + k] = static_cast<float>(bytes[k]) * scale[c + k];
        }
      }
    }
  }
}

}  // namespace cxrnet::cpu
