#pragma once
#include <cxrnet/data/image.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

namespace cxrnet {

/// A JPEG file without surprises, for decoders that may not bear them: baseline, 8 bits, one scan, grey or YCbCr, within
/// the limits of data/image.hpp, sound up to its pixels.
struct PlainJpeg {
  std::span<const std::byte> bytes;  ///< From start- to end-of-image: nothing behind it.
  int height;
  int width;
  int components;  ///< 1: grey; 3
};

/// A file's bytes as such; nothing where they are an image of another kind. Throws the ImageError of decode_image() for what
/// that cannot begin to decode. Damage among the pixels is left to be found.
[[nodiscard]] inline std::optional<PlainJpeg> plain_jpeg(std::span<const std::byte> bytes, const std::filesystem::path& name) {
  const ImageInfo info = detail::sound_image_header(bytes, name);
  if (info.format != ImageFormat::jpeg) return std::nullopt;
  const auto whole = detail::baseline_jpeg(bytes);
  if (!whole) return std::nullopt;
  const int components = detail::JpegDecoder(name).plain_components(*whole, {info.height, info.width},
                                                                    detail::memory_limit(bytes, info));
  if (components == 0) return std::nullopt;
  return PlainJpeg{*whole, info.height, info.width, components};
}

}  // namespace cxrnet
