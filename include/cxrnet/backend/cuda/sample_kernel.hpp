#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/core/preprocess.hpp>

#include <cstdint>

// The whole augmentation on the device.
namespace cxrnet::cuda {

/// n decoded images (height x width x 3 bytes), each sampled bilinearly at its map's coordinates (x a column, y a row), held
/// at the edges (fill_mode "nearest"), and preprocessed, as maps: each byte is read and each number written once. The batch's
/// other images are zeros. The arithmetic is that of augment/sample.hpp. A pixel is one index's.
template <class T>
struct SampleImages {
  Maps maps;
  int n;
  ChannelMap channels[3];
  const Affine* affine;
  const std::uint8_t* rgb;
  T* y;

  [[nodiscard]] std::int64_t count() const { return maps.pixels(); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t area = static_cast<std::int64_t>(maps.height) * maps.width, image = i / area;
    float values[3] = {0.0F, 0.0F, 0.0F};
    if (image < n) {
      const int row = static_cast<int>(i % area / maps.width), column = static_cast<int>(i % maps.width);
      const Affine& a = affine[image];
      // As the CPU's kernels go through a row, 64 pixels at a time.
      const int start = column / 64 * 64;
      const Place x = place((a.xy * row + a.x0 + a.xx * start) + a.xx * (column - start), maps.width);
      const Place p = place((a.yy * row + a.y0 + a.yx * start) + a.yx * (column - start), maps.height);
      const std::uint8_t* const top = rgb + image * area * 3 + static_cast<std::int64_t>(p.whole) * maps.width * 3;
      const std::uint8_t* const bottom = top + (maps.height > 1 ? maps.width * 3 : 0);
      const int here = x.whole * 3, right = maps.width > 1 ? here + 3 : here;
      for (int c = 0; c < 3; ++c) {
        const int k = channels[c].source;
        const float v0 = top[here + k], v1 = top[right + k], v2 = bottom[here + k], v3 = bottom[right + k];
        const float first = v0 + (v2 - v0) * p.beyond, second = v1 + (v3 - v1) * p.beyond;
        values[c] = (first + (second - first) * x.beyond) * channels[c].scale + channels[c].shift;
      }
    }
    T* const to = y + i * maps.stride;
    if constexpr (sizeof(T) == 2) {
      if (maps.stride == 8) {
        Pack<T, 8> made;
        for (int c = 0; c < 8; ++c) made.at[c] = number<T>(c < 3 ? values[c] : 0.0F);
        *reinterpret_cast<Pack<T, 8>*>(to) = made;
        return;
      }
    }
    for (int c = 0; c < maps.stride; ++c) to[c] = number<T>(c < 3 ? values[c] : 0.0F);
  }
  template <class Visit>
  void operands(Visit visit) const {
    const std::int64_t area = static_cast<std::int64_t>(maps.height) * maps.width;
    reads(visit, affine, n);
    reads(visit, rgb, n * area * 3);
    writes(visit, y, maps.numbers());
  }

 private:
  struct Place {
    int whole;     ///< at most the last but one
    float beyond;  ///< how far behind it
  };
  CXRNET_BOTH static Place place(double at, int size) {
    const double last = size - 1.0;
    at = at > 0.0 ? at : 0.0;  // in this order NaN turns to 0
    at = at < last ? at : last;
    const int most = size > 1 ? size - 2 : 0;
    const int full = static_cast<int>(at), whole = full < most ? full : most;
    return {whole, static_cast<float>(at - whole)};
  }
};

}  // namespace cxrnet::cuda
