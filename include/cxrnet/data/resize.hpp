#pragma once
#include <cxrnet/data/detail/nearest.hpp>
#include <cxrnet/data/image.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace cxrnet {

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

/// A resized copy.
[[nodiscard]] inline Image resize_nearest(const Image& image, int height, int width) {
  const auto bytes = static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3;
  Image resized{height, width, std::vector<std::uint8_t>(bytes)};
  resize_nearest(image, height, width, resized.rgb.data());
  return resized;
}

}  // namespace cxrnet
