#pragma once
#include <cxrnet/backend/cpu/quantized.hpp>
#include <cxrnet/backend/cpu/winograd.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

// Convolution 3x3 on bytes by Winograd's F(4x4, 3x3), in integers alone: interpolation at 0, 1, -1, 2, -2 and infinity, with
// the fractions of the weights' transform left to the output's, where all divisions come out even. So it gives the sums of
// the direct convolution to the bit, with a quarter of its products (of 16 bits).
namespace cxrnet::cpu {

/// What a convolution adds and multiplies at its end, for panels() * panel channels.
struct ByteEpilogue {
  const std::int32_t* bias;
  const float* multiplier;
};

/// The kernels for one instruction set. `weights` is [36][in / 2][32][2]; `to` the map that results go to.
struct ByteWinogradKernels {
  void (*transform_tiles)(const WinogradShape&, const std::uint8_t* x, std::ptrdiff_t first, std::ptrdiff_t count,
                          int first_block, int last_block, std::int16_t* v);
  void (*multiply)(const WinogradShape&, int first_point, int last_point, std::ptrdiff_t count, const std::int16_t* v,
                   const std::int16_t* weights, std::ptrdiff_t ahead, std::int32_t* m);
  void (*finish[2])(const WinogradShape&, int panel, std::ptrdiff_t first, std::ptrdiff_t count, const std::int32_t* m,
                    const ByteEpilogue&, const ByteMap& to, std::uint8_t* y);  ///< by pool
};

namespace byte_winograd {
#define CXRNET_KERNELS <cxrnet/backend/cpu/quantized_winograd_kernels.inl>
#include <cxrnet/simd/for_each_target.inl>
}  // namespace byte_winograd

inline const ByteWinogradKernels& byte_winograd_kernels([[maybe_unused]] SimdTarget target) {
#if defined(__x86_64__)
  if (target == SimdTarget::avx512) return byte_winograd::simd_avx512::kernels;
  if (target == SimdTarget::avx2) return byte_winograd::simd_avx2::kernels;
#endif
  return byte_winograd::simd_baseline::kernels;
}

/// Whether an operation is a convolution that this computes, and faster: with few channels the transforms cost what the
/// products save, and where tiles pass a small map's edges, too much of what they compute is thrown away.
constexpr bool has_byte_winograd(const op::Operation& o) {
  op::Operation plain = o;
  plain.precision = op::Precision::float32;
  const Dims results = op::before_pool(o);
  const auto covered = [](int extent) { return (extent + WinogradShape::tile - 1) / WinogradShape::tile * WinogradShape::tile; };
  return has_byte_convolution(o) && o.scale_in >= 0 && has_winograd(plain) && o.in.channels >= 64 && o.out.channels >= 128 &&
         covered(results.height) * covered(results.width) * 4 <= results.height * results.width * 5;
}

/// A convolution on bytes by Winograd, ready to run.
class ByteWinograd {
 public:
  ByteWinograd(const ByteShape& shape, SimdTarget target, int batch, int threads)
      : to_(shape.to), kernels_(&byte_winograd_kernels(target)), scratch_{shape_of(shape), {}, static_cast<std::size_t>(threads)} {
    scratch_.plan = plan_winograd(scratch_.shape, batch, threads, sizeof(std::int16_t));
  }

  /// What `run` works on, aligned to 64 bytes.
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_.bytes(); }
  /// Of what `pack` writes, aligned to 64.
  [[nodiscard]] std::size_t packed_bytes() const {
    return channels() * (sizeof(std::int32_t) + sizeof(float)) + scratch_.shape.weights() * sizeof(std::int16_t);
  }

  /// Whether no sum can be beyond the 26 bits that the divisions leave of 32, whatever the map's bytes are. All before is
  /// computed modulo 2^32.
  [[nodiscard]] bool fits(const op::QuantizedConvolution& q) const {
    const auto out = static_cast<std::size_t>(scratch_.shape.out);
    std::vector<std::int64_t> sums(out);
    for (std::size_t i = 0; i < q.kernel.size(); ++i) sums[i % out] += std::abs(q.kernel[i]);
    return std::ranges::all_of(sums, [](std::int64_t sum) { return sum * 255 < std::int64_t{1} << 25; });
  }

  void pack(const op::QuantizedConvolution& q, std::byte* packed) const {
    constexpr std::size_t wide = WinogradShape::panel;
    const auto in = static_cast<std::size_t>(scratch_.shape.in), out = static_cast<std::size_t>(scratch_.shape.out);
    std::memset(packed, 0, channels() * (sizeof(std::int32_t) + sizeof(float)));
    // No image is read here: the bias is the same all over the map.
    std::memcpy(packed, q.bias.data() + 4 * out, out * sizeof(std::int32_t));
    std::memcpy(packed + channels() * sizeof(std::int32_t), q.multiplier.data(), out * sizeof(float));
    for_each_item(static_cast<std::size_t>(scratch_.shape.panels()), scratch_.threads, [&](std::size_t panel, std::size_t) {
      auto* const to = reinterpret_cast<std::int16_t*>(packed + channels() * (sizeof(std::int32_t) + sizeof(float))) +
                       panel * panel_weights();
      for (std::size_t c = 0; c < in; ++c) {
        for (std::size_t k = 0; k < wide; ++k) {
          std::array<std::array<std::int32_t, 6>, 3> rows{};
          const std::size_t channel = panel * wide + k;
          for (std::size_t row = 0; row < 3 && channel < out; ++row) {
            const std::int8_t* const w = q.kernel.data() + (row * 3 * in + c) * out + channel;
            rows[row] = transformed(w[0], w[in * out], w[2 * in * out]);
          }
          for (std::size_t j = 0; j < 6; ++j) {
            const auto points = transformed(rows[0][j], rows[1][j], rows[2][j]);
            for (std::size_t i = 0; i < 6; ++i) {
              to[(((i * 6 + j) * in + c) / 2 * wide + k) * 2 + c % 2] = static_cast<std::int16_t>(points[i]);
            }
          }
        }
      }
    });
  }

  /// n images from x to y.
  void run(int n, const std::uint8_t* x, const std::byte* packed, std::uint8_t* y, std::byte* scratch) const {
    const WinogradShape& shape = scratch_.shape;
    const ByteEpilogue epilogue{reinterpret_cast<const std::int32_t*>(packed),
                                reinterpret_cast<const float*>(packed + channels() * sizeof(std::int32_t))};
    const auto* const weights =
        reinterpret_cast<const std::int16_t*>(packed + channels() * (sizeof(std::int32_t) + sizeof(float)));
    for_each_item(static_cast<std::size_t>(n * to_.blocks()), scratch_.threads, [&](std::size_t plane, std::size_t) {
      clear_ring(y + static_cast<std::ptrdiff_t>(plane) * to_.plane());
    });
    run_winograd(
        scratch_, n, scratch,
        [&](std::ptrdiff_t first, std::ptrdiff_t count, int first_block, int last_block, std::int16_t* v) {
          kernels_->transform_tiles(shape, x, first, count, first_block, last_block, v);
        },
        [&](int first, int last, std::ptrdiff_t count, const std::int16_t* v, int panel, bool by_points, std::int32_t* m) {
          const auto ahead = by_points ? static_cast<std::ptrdiff_t>(panel_weights()) : shape.in * WinogradShape::panel;
          kernels_->multiply(shape, first, last, count, v, weights + static_cast<std::size_t>(panel) * panel_weights(), ahead, m);
        },
        [&](int panel, std::ptrdiff_t first, std::ptrdiff_t count, const std::int32_t* m) {
          kernels_->finish[shape.pool ? 1 : 0](shape, panel, first, count, m, epilogue, to_, y);
        });
  }

 private:
  static WinogradShape shape_of(const ByteShape& s) {
    return {s.height, s.width, s.from.channels, s.to.channels, true, s.pool};
  }
  /// Three weights at the six points, without their fractions (1/4, -1/6, -1/6, 1/24, 1/24, 1).
  static std::array<std::int32_t, 6> transformed(std::int32_t a, std::int32_t b, std::int32_t c) {
    return {a, a + b + c, a - b + c, a + 2 * b + 4 * c, a - 2 * b + 4 * c, c};
  }
  /// Zeros around one block of channels.
  void clear_ring(std::uint8_t* plane) const {
    const auto row = static_cast<std::size_t>(to_.row());
    std::memset(plane, 0, row);
    std::memset(plane + to_.plane() - to_.row(), 0, row);
    for (std::ptrdiff_t i = 1; i <= to_.height; ++i) {
      std::memset(plane + i * to_.row(), 0, 16);
      std::memset(plane + (i + 1) * to_.row() - 16, 0, 16);
    }
  }
  [[nodiscard]] std::size_t channels() const {
    return static_cast<std::size_t>(scratch_.shape.panels()) * WinogradShape::panel;
  }
  [[nodiscard]] std::size_t panel_weights() const {
    return scratch_.shape.weights() / static_cast<std::size_t>(scratch_.shape.panels());
  }

  ByteMap to_;
  const ByteWinogradKernels* kernels_;
  WinogradScratch<std::int16_t, std::int32_t> scratch_;
};

}  // namespace cxrnet::cpu
