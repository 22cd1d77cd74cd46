#pragma once
#include <cxrnet/data/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace cxrnet {

namespace detail {

/// The source index of each of `to` pixels. Pillow walks the source coordinate in double precision, and where a step
/// is not exact its rounding differs from that of the formula (i + 0.5) * from / to.
inline std::vector<std::size_t> nearest_indices(int from, int to) {
  const double step = static_cast<double>(from) / to;
  std::vector<std::size_t> indices(static_cast<std::size_t>(to));
  double coordinate = step * 0.5;
  for (auto& index : indices) {
    index = static_cast<std::size_t>(std::min(static_cast<int>(coordinate), from - 1));
    coordinate += step;
  }
  return indices;
}

}  // namespace detail

/// Nearest-neighbour resizing, pixel for pixel as Pillow's; writes height * width * 3 bytes to `rgb`.
inline void resize_nearest(const Image& image, int height, int width, std::uint8_t* rgb) {
  const auto rows = detail::nearest_indices(image.height, height);
  const auto columns = detail::nearest_indices(image.width, width);
  for (const std::size_t row : rows) {
    const std::uint8_t* source = image.rgb.data() + row * static_cast<std::size_t>(image.width) * 3;
    for (const std::size_t column : columns) {
      std::memcpy(rgb, source + column * 3, 3);
      rgb += 3;
    }
  }
}

/// A resized copy.
[[nodiscard]] inline Image resize_nearest(const Image& image, int height, int width) {
  const auto bytes = static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
  Image resized{height, width, std::vector<std::uint8_t>(bytes)};
  resize_nearest(image, height, width, resized.rgb.data());
  return resized;
}

}  // namespace cxrnet
