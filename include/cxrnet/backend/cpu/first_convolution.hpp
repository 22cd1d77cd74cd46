#pragma once
#include <cxrnet/backend/cpu/winograd.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

// A network's first convolution, 3x3 of an image's few channels: plain NHWC to blocks of 16 channels, with bias and ReLU.
namespace cxrnet::cpu {

/// Stride 1 and "same" padding.
struct FirstShape {
  static constexpr int panel = 32;  ///< output channels that are computed together

  int height = 0;
  int width = 0;
  int in = 0;   ///< channels
  int out = 0;  ///< a multiple of panel
  bool relu = false;
  std::ptrdiff_t block_step = 0;  ///< in the output, from a block of 16 channels to the next
};

namespace first {
#define CXRNET_KERNELS <cxrnet/backend/cpu/first_convolution_kernels.inl>
#include <cxrnet/simd/for_each_target.inl>
}  // namespace first

using FirstRow = void (*)(const FirstShape&, const float* const (&x)[3], const float* kernel, const float* bias, float* y);

inline FirstRow first_row([[maybe_unused]] SimdTarget target) {
#if defined(__x86_64__)
  if (target == SimdTarget::avx512) return first::simd_avx512::first_row;
  if (target == SimdTarget::avx2) return first::simd_avx2::first_row;
#endif
  return first::simd_baseline::first_row;
}

/// A first convolution, ready to run. Its kernel lies as parameters do: [3][3][in][out].
class FirstConvolution {
 public:
  FirstConvolution(const FirstShape& shape, SimdTarget target, int threads)
      : shape_(shape), row_(first_row(target)), threads_(static_cast<std::size_t>(threads)) {}

  /// What `run` works on, aligned to 64 bytes.
  [[nodiscard]] std::size_t scratch_bytes() const { return threads_ * row_scratch_bytes(); }

  /// n images from x, plain, to y, blocked; `bias` may be null.
  void run(int n, const float* x, const float* kernel, const float* bias, float* y, std::byte* scratch) const {
    const auto tile_rows = static_cast<std::size_t>(shape_.height + 3) / 4;
    for_each_item(static_cast<std::size_t>(n) * tile_rows, threads_, [&](std::size_t item, std::size_t thread) {
      const auto image = static_cast<std::ptrdiff_t>(item / tile_rows);
      const std::ptrdiff_t pixels = std::ptrdiff_t{shape_.height} * shape_.width * image;
      run_rows(static_cast<std::ptrdiff_t>(item % tile_rows),
               {x + pixels * shape_.in, shape_.height, y + pixels * shape_.out, shape_.height}, kernel, bias,
               scratch + thread * row_scratch_bytes());
    });
  }

  /// Bytes that `run_rows` works on, a multiple of 64.
  [[nodiscard]] std::size_t row_scratch_bytes() const { return (3 * padded_row() * sizeof(float) + 63) / 64 * 64; }
  /// Four rows of one image, on this thread; see Winograd::run_rows. All rows of its input lie in memory.
  void run_rows(std::ptrdiff_t tile_row, const ChainRows& rows, const float* kernel, const float* bias, std::byte* scratch) const {
    auto* const padded = reinterpret_cast<float*>(scratch);
    const auto in = static_cast<std::size_t>(shape_.in), width = static_cast<std::size_t>(shape_.width);
    FirstShape shape = shape_;
    shape.block_step = rows.y_rows * shape.width * 16;
    const std::ptrdiff_t end = std::min<std::ptrdiff_t>(4 * tile_row + 4, shape.height);
    for (std::ptrdiff_t row = 4 * tile_row; row < end; ++row) {
      const float* around[3];
      for (std::ptrdiff_t i = 0; i < 3; ++i) {
        float* const to = padded + static_cast<std::size_t>(i) * padded_row();
        const std::ptrdiff_t from = row + i - 1;
        std::memset(to, 0, padded_row() * sizeof(float));
        if (from >= 0 && from < shape.height) {
          std::memcpy(to + in, rows.x + static_cast<std::size_t>(from) * width * in, width * in * sizeof(float));
        }
        around[i] = to;
      }
      row_(shape, around, kernel, bias, rows.y + row % rows.y_rows * shape.width * 16);
    }
  }

 private:
  [[nodiscard]] std::size_t padded_row() const {
    return (static_cast<std::size_t>(shape_.width) + 2) * static_cast<std::size_t>(shape_.in);
  }

  FirstShape shape_;
  FirstRow row_;
  std::size_t threads_;
};

}  // namespace cxrnet::cpu
