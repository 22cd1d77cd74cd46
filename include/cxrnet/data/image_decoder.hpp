#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/resize.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace cxrnet {

/// What decodes files in place of decode_resized(), from whose pixels its own may differ by rounding. Safe from many threads.
class ImageDecoder {
 public:
  ImageDecoder() = default;
  ImageDecoder(const ImageDecoder&) = delete;
  ImageDecoder& operator=(const ImageDecoder&) = delete;
  virtual ~ImageDecoder() = default;

  /// A whole JPEG or PNG file's bytes, decoded and resized by nearest; writes height * width * 3 bytes to `rgb`. Throws
  /// ImageError, which calls the file `name`.
  virtual void decode(std::span<const std::byte> bytes, const std::filesystem::path& name, ImageSize size,
                      std::uint8_t* rgb) const = 0;
  /// By which records and caches tell its pixels from others'.
  [[nodiscard]] virtual const std::string& name() const = 0;
  /// How many files that it takes it has refused so far, which were decoded by decode_resized() after all.
  [[nodiscard]] virtual int refused() const { return 0; }
};

/// A JPEG or PNG file, decoded and resized by nearest, by decode_resized() where there is no decoder; writes height * width * 3
/// bytes to `rgb`. Throws ImageError.
inline void read_resized(const std::filesystem::path& file, ImageSize size, std::uint8_t* rgb, const ImageDecoder* decoder) {
  const auto bytes = detail::read_image_bytes(file, max_image_bytes);
  if (decoder != nullptr) decoder->decode(bytes, file, size, rgb);
  else decode_resized(bytes, file, size.height, size.width, rgb);
}

}  // namespace cxrnet
