#pragma once
#include <cxrnet/data/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
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
  detail::PickedPixels picked(detail::nearest_indices(image.height, height),
                              detail::nearest_indices(image.width, width), rgb);
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
  for (std::size_t y = 0; y < picked.rows_needed(); ++y) {
    picked.offer(y, image.rgb.data() + y * row_bytes, detail::PixelLayout::of(3));
  }
}

/// A whole JPEG or PNG file's bytes as resize_nearest(decode_image(bytes, name), height, width, rgb) gives them, without
/// the pixels in between; throws ImageError, which calls the file `name` and may leave part of `rgb` written.
inline void decode_resized(std::span<const std::byte> bytes, const std::filesystem::path& name, int height, int width,
                           std::uint8_t* rgb) {
  const ImageInfo info = detail::sound_image_header(bytes, name);
  detail::PickedPixels picked(detail::nearest_indices(info.height, height), detail::nearest_indices(info.width, width),
                              rgb);
  detail::decode_picked(bytes, info, name, picked);
}

/// A JPEG or PNG file, decoded and resized; writes height * width * 3 bytes to `rgb`. Throws ImageError.
inline void read_resized(const std::filesystem::path& file, int height, int width, std::uint8_t* rgb) {
  decode_resized(detail::read_image_bytes(file, max_image_bytes), file, height, width, rgb);
}

/// A resized copy.
[[nodiscard]] inline Image resize_nearest(const Image& image, int height, int width) {
  const auto bytes = static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
  Image resized{height, width, std::vector<std::uint8_t>(bytes)};
  resize_nearest(image, height, width, resized.rgb.data());
  return resized;
}

}  // namespace cxrnet
