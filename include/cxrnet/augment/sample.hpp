#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/simd/target.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cxrnet {

/// Decoded bytes, height x width x 3.
struct SampledImage {
  const std::uint8_t* rgb;
  int height;
  int width;
};

namespace detail {

static_assert(std::endian::native == std::endian::little, "pixels are taken apart as little-endian words");

#define CXRNET_KERNELS <cxrnet/augment/sample_kernels.inl>
#include <cxrnet/simd/for_each_target.inl>

}  // namespace detail

/// Bilinear sampling at `map`'s coordinates (x a column, y a row), held at the image's edges (fill_mode "nearest"), and
/// preprocessing, in one pass: height x width x 3 floats, or the bytes nearest to them.
template <class Number>
void sample(const SampledImage& image, const Affine& map, const std::array<ChannelMap, 3>& channels, Number* prepared,
                   [[maybe_unused]] SimdTarget target = simd_target()) {
#if defined(__x86_64__)
  if (target == SimdTarget::avx512) return detail::simd_avx512::sample(image, map, channels, prepared);
  if (target == SimdTarget::avx2) return detail::simd_avx2::sample(image, map, channels, prepared);
#endif
  detail::simd_baseline::sample(image, map, channels, prepared);
}

}  // namespace cxrnet
