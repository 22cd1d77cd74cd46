#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/detail/image_structure.hpp>
#include <cxrnet/data/detail/jpeg.hpp>
#include <cxrnet/data/detail/picked_pixels.hpp>
#include <cxrnet/data/detail/png.hpp>
#include <cxrnet/data/detail/stb.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// What files can be decoded. Keras lists BMP, PPM and TIFF files too; here they are an ImageError, never left out.
enum class ImageFormat { jpeg, png };

/// A file's format and its size in pixels, before any resizing.
struct ImageInfo {
  ImageFormat format;
  int height;
  int width;
  friend bool operator==(const ImageInfo&, const ImageInfo&) = default;
};

/// Decoded pixels: 8-bit RGB, row by row from the top, `rgb.size() == height * width * 3`.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;
};

/// The largest side, number of pixels and file that are decoded: far above any radiograph, and well within memory.
inline constexpr int max_image_side = 16384;  // STBI_MAX_DIMENSIONS
inline constexpr std::int64_t max_image_pixels = std::int64_t{1} << 26;
inline constexpr std::uintmax_t max_image_bytes = std::uintmax_t{1} << 28;

namespace detail {

inline ImageFormat image_format(Bytes bytes, const std::filesystem::path& name) {
  if (bytes.empty()) bad_image(name, "is empty (zero bytes): fetch it again or remove it");
  if (has_at(bytes, 0, png_signature)) return ImageFormat::png;
  if (has_at(bytes, 0, jpeg_signature)) return ImageFormat::jpeg;
  bad_image(name, "is " + std::string(describe_content(bytes)) +
                      ", whatever its name says: convert it to PNG or JPEG, or remove it");
}

/// Format and size from the first bytes of a file; throws where they do not say or are too large.
inline ImageInfo image_header(Bytes bytes, const std::filesystem::path& name) {
  const ImageFormat format = image_format(bytes, name);
  const auto size = format == ImageFormat::png ? png_size(bytes) : jpeg_size(bytes);
  if (!size) bad_image(name, "ends or is damaged before its size: fetch it again or remove it");
  const auto [height, width] = *size;
  if (width == 0 || height == 0) bad_image(name, "has no pixels: fetch it again or remove it");
  if (width > max_image_side || height > max_image_side || width * height > max_image_pixels) {
    bad_image(name, "is " + std::to_string(width) + " x " + std::to_string(height) + " pixels, above the limits of " +
                        std::to_string(max_image_side) + " a side and " + std::to_string(max_image_pixels >> 20) +
                        " million in all: scale it down or remove it");
  }
  return {format, static_cast<int>(height), static_cast<int>(width)};
}

/// The first `limit` bytes of a file, or all of it; throws ImageError where it cannot be read or is too large.
inline std::vector<std::byte> read_image_bytes(const std::filesystem::path& file, std::uintmax_t limit) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) bad_image(file, "does not exist: check its name");
  if (!std::filesystem::is_regular_file(status)) bad_image(file, "is not a file: name an image");
  const auto size = std::filesystem::file_size(file, error);
  if (error) bad_image(file, "cannot be read (" + error.message() + "): check its permissions");
  if (size > max_image_bytes) {
    bad_image(file, "is larger than " + std::to_string(max_image_bytes >> 20) + " MiB: scale it down or remove it");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(size, limit)));
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) bad_image(file, "cannot be read: check its permissions and the disk");
  return bytes;
}

/// The header of a whole file, after walks that find damage and cuts; throws ImageError.
inline ImageInfo sound_image_header(Bytes bytes, const std::filesystem::path& name) {
  if (bytes.size() > max_image_bytes) {
    bad_image(name, "is larger than " + std::to_string(max_image_bytes >> 20) + " MiB: scale it down or remove it");
  }
  const ImageInfo info = image_header(bytes, name);
  const auto fault = info.format == ImageFormat::png ? png_fault(bytes) : jpeg_fault(bytes);
  if (fault) bad_image(name, std::string(*fault) + ": fetch it again or remove it");
  return info;
}

/// By stb_image, whole: the kinds of PNG that decode_plain_png() leaves.
inline void decode_rare_png(Bytes bytes, const ImageInfo& info, std::size_t memory_limit,
                            const std::filesystem::path& name, PickedPixels& picked) {
  stb::allocation_limit = memory_limit;
  int width = 0;
  int height = 0;
  int channels = 0;
  const std::unique_ptr<stb::stbi_uc, decltype(&std::free)> decoded(
      stb::cxrnet_stbi_load_from_memory(reinterpret_cast<const stb::stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                                        &width, &height, &channels, 0),
      &std::free);
  if (!decoded) undecodable_image(name, stb::cxrnet_stbi_failure_reason());
  if (width != info.width || height != info.height || channels < 1 || channels > 4) {
    bad_image(name, "contradicts its own header: fetch it again or remove it");
  }
  const auto layout = PixelLayout::of(static_cast<std::size_t>(channels));
  const std::size_t row_bytes = static_cast<std::size_t>(width) * layout.step;
  for (std::size_t y = 0; y < picked.rows_needed(); ++y) picked.offer(y, decoded.get() + y * row_bytes, layout);
}

/// Bytes that decoding may take.
inline std::size_t memory_limit(Bytes bytes, const ImageInfo& info) {
  // 4 channels of 16 bits, doubled by growing buffers; a JPEG's blocks pad small images up to 32 pixels.
  const auto height = static_cast<std::size_t>(info.height);
  const auto width = static_cast<std::size_t>(info.width);
  return 16 * (height * width + 64 * (height + width)) + 4 * bytes.size() + (std::size_t{1} << 20);
}

/// Decodes what sound_image_header() found sound, and writes the picked pixels; throws ImageError.
inline void decode_picked(Bytes bytes, const ImageInfo& info, const std::filesystem::path& name,
                          PickedPixels& picked) {
  const PixelSize size{info.height, info.width};
  if (info.format == ImageFormat::jpeg) {
    JpegDecoder(name).decode(bytes, size, memory_limit(bytes, info), picked);
  } else if (!decode_plain_png(bytes, size, name, picked)) {
    decode_rare_png(bytes, info, memory_limit(bytes, info), name, picked);
  }
}

}  // namespace detail

/// Format and size of an image file, reading no more than its header where that suffices; throws ImageError.
[[nodiscard]] inline ImageInfo inspect_image(const std::filesystem::path& file) {
  constexpr std::uintmax_t usually_enough = 1U << 16U;
  const auto start = detail::read_image_bytes(file, usually_enough);
  try {
    return detail::image_header(start, file);
  } catch (const ImageError&) {
    if (start.size() < usually_enough) throw;
    return detail::image_header(detail::read_image_bytes(file, max_image_bytes), file);
  }
}

/// A whole JPEG or PNG file's bytes as 8-bit RGB; throws ImageError, which calls the file `name`.
/// Grey and palette become RGB and alpha is dropped, as Pillow does; 16 bits are scaled to 8, where Pillow clips grey.
[[nodiscard]] inline Image decode_image(std::span<const std::byte> bytes, const std::filesystem::path& name) {
  const ImageInfo info = detail::sound_image_header(bytes, name);
  const auto height = static_cast<std::size_t>(info.height);
  const auto width = static_cast<std::size_t>(info.width);
  Image image{info.height, info.width, std::vector<std::uint8_t>(height * width * 3)};
  detail::PickedPixels all(height, width, image.rgb.data());
  detail::decode_picked(bytes, info, name, all);
  return image;
}

/// A JPEG or PNG file as 8-bit RGB; throws ImageError.
[[nodiscard]] inline Image read_image(const std::filesystem::path& file) {
  return decode_image(detail::read_image_bytes(file, max_image_bytes), file);
}

}  // namespace cxrnet
