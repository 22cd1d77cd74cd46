#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/data/detail/nearest.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

// The whole augmentation on the device.
namespace cxrnet::cuda {

/// Adds what `SampleImages::picks` has of an image that starts at byte `first` of all and has a row every `pitch` bytes: the
/// pixels that data/resize.hpp picks.
inline void add_picks(std::vector<std::int64_t>& picks, ImageSize from, std::int64_t first, std::int64_t pitch, ImageSize to) {
  for (const std::size_t row : cxrnet::detail::nearest_indices(from.height, to.height)) {
    picks.push_back(first + static_cast<std::int64_t>(row) * pitch);
  }
  for (const std::size_t column : cxrnet::detail::nearest_indices(from.width, to.width)) {
    picks.push_back(static_cast<std::int64_t>(column) * 3);
  }
}

/// n decoded images (height x width x 3 bytes), each sampled bilinearly at its map's coordinates (x a column, y a row), held
/// at the edges (fill_mode "nearest"), and preprocessed, as maps: each byte is read and each number written once. The batch's
/// other images are zeros. The arithmetic is that of augment/sample.hpp. A pixel is one index's. With `picks` the images may
/// be of any sizes, and are resized to the maps' by nearest as they are read.
template <class T>
struct SampleImages {
  Maps maps;
  int n;
  ChannelMap channels[3];
  const Affine* affine;  ///< null: the images as they are
  const std::uint8_t* rgb;
  T* y;
  /// For each image, where each of its rows starts in `rgb`, then where each pixel starts in a row; null: without gaps.
  const std::int64_t* picks = nullptr;
  std::int64_t bytes = 0;  ///< of `rgb`, where there are picks

  [[nodiscard]] std::int64_t count() const { return maps.pixels(); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t area = static_cast<std::int64_t>(maps.height) * maps.width, image = i / area;
    float values[3] = {0.0F, 0.0F, 0.0F};
    if (image < n) {
      const int row = static_cast<int>(i % area / maps.width), column = static_cast<int>(i % maps.width);
      const Affine a = affine == nullptr ? Affine{} : affine[image];
      // As the CPU's kernels go through a row, 64 pixels at a time.
      const int start = column / 64 * 64;
      const Place x = place((a.xy * row + a.x0 + a.xx * start) + a.xx * (column - start), maps.width);
      const Place p = place((a.yy * row + a.y0 + a.yx * start) + a.yx * (column - start), maps.height);
      const int right = x.whole + (maps.width > 1 ? 1 : 0), below = p.whole + (maps.height > 1 ? 1 : 0);
      const std::uint8_t* const pixels[4] = {pixel(image, p.whole, x.whole), pixel(image, p.whole, right),
                                             pixel(image, below, x.whole), pixel(image, below, right)};
      for (int c = 0; c < 3; ++c) {
        const int k = channels[c].source;
        const float v0 = pixels[0][k], v1 = pixels[1][k], v2 = pixels[2][k], v3 = pixels[3][k];
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
    if (affine != nullptr) reads(visit, affine, n);
    if (picks != nullptr) reads(visit, picks, static_cast<std::int64_t>(n) * (maps.height + maps.width));
    reads(visit, rgb, picks != nullptr ? bytes : static_cast<std::int64_t>(n) * maps.height * maps.width * 3);
    writes(visit, y, maps.numbers());
  }

 private:
  CXRNET_BOTH const std::uint8_t* pixel(std::int64_t image, int row, int column) const {
    if (picks == nullptr) return rgb + ((image * maps.height + row) * maps.width + column) * 3;
    const std::int64_t* const own = picks + image * (maps.height + maps.width);
    return rgb + own[row] + own[maps.height + column];
  }

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
