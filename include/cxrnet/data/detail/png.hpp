#pragma once
#include <cxrnet/data/detail/image_structure.hpp>
#include <cxrnet/data/detail/picked_pixels.hpp>
#include <cxrnet/data/detail/png_filter.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <libdeflate.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// The common kinds of PNG, inflated whole by libdeflate. Palettes, fewer than 8 bits and interlacing are not here.
namespace cxrnet::detail {

/// How the rows of a PNG are laid out: 8 or 16 bits of grey, grey and alpha, RGB, or RGB and alpha, not interlaced;
/// nothing for every other kind.
inline std::optional<PixelLayout> plain_png_layout(Bytes bytes) {
  constexpr std::string_view header_length{"\0\0\0\x0d", 4};
  constexpr std::string_view neither_interlaced_nor_unknown{"\0\0\0", 3};
  if (!has_at(bytes, png_signature.size(), header_length) || !has_at(bytes, 26, neither_interlaced_nor_unknown)) {
    return std::nullopt;
  }
  const auto depth = byte_at(bytes, 24);
  if (depth != 8 && depth != 16) return std::nullopt;
  switch (byte_at(bytes, 25)) {
    case 0: return PixelLayout::of(1, depth / 8);
    case 2: return PixelLayout::of(3, depth / 8);
    case 4: return PixelLayout::of(2, depth / 8);
    case 6: return PixelLayout::of(4, depth / 8);
    default: return std::nullopt;
  }
}

/// The compressed pixels of a PNG in which png_fault() found nothing; nothing where there is a part that only a more
/// thorough reader may judge.
inline std::optional<std::vector<std::byte>> png_compressed_pixels(Bytes bytes) {
  std::vector<std::byte> pixels;
  pixels.reserve(bytes.size());
  constexpr std::size_t after_header = 33;
  for (std::size_t at = after_header; !has_at(bytes, at + 4, "IEND");) {
    const std::size_t length = big_endian_32(bytes, at);
    const bool critical = (byte_at(bytes, at + 4) & 0x20U) == 0;
    if (has_at(bytes, at + 4, "IDAT")) {
      const Bytes part = bytes.subspan(at + 8, length);
      pixels.insert(pixels.end(), part.begin(), part.end());
    } else if (critical && !has_at(bytes, at + 4, "PLTE")) {
      return std::nullopt;
    }
    at += length + 12;
  }
  return pixels;
}

/// Decodes a PNG in which png_fault() found nothing and whose size is within the limits. False, with nothing picked,
/// where it is of a rarer kind; throws ImageError.
inline bool decode_plain_png(Bytes bytes, PixelSize size, const std::filesystem::path& name, PickedPixels& picked) {
  const auto layout = plain_png_layout(bytes);
  if (!layout) return false;
  const auto compressed = png_compressed_pixels(bytes);
  if (!compressed) return false;

  const auto height = static_cast<std::size_t>(size.height);
  const std::size_t row_bytes = static_cast<std::size_t>(size.width) * layout->step;
  const std::size_t inflated_size = height * (row_bytes + 1);
  constexpr std::size_t largest_ratio = 1032;  // of deflate: 258 bytes from two bits
  if (inflated_size / largest_ratio > compressed->size()) undecodable_image(name, "it has too few pixels");
  const auto inflated = std::make_unique_for_overwrite<std::uint8_t[]>(inflated_size);
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  switch (libdeflate_zlib_decompress(decompressor.get(), compressed->data(), compressed->size(), inflated.get(),
                                     inflated_size, nullptr)) {
    case LIBDEFLATE_SUCCESS: break;
    case LIBDEFLATE_BAD_DATA: undecodable_image(name, "its compressed pixels are damaged");
    case LIBDEFLATE_SHORT_OUTPUT: undecodable_image(name, "it has too few pixels");
    case LIBDEFLATE_INSUFFICIENT_SPACE: return false;  // more than the image: Pillow and stb_image leave the rest
  }
  for (std::size_t y = 0; y < height; ++y) {
    if (inflated[y * (row_bytes + 1)] >= png_filters) undecodable_image(name, "one of its rows has an unknown filter");
  }
  const std::vector<std::uint8_t> zeros(row_bytes);
  const std::uint8_t* above = zeros.data();
  for (std::size_t y = 0; y < picked.rows_needed(); ++y) {
    std::uint8_t* row = inflated.get() + y * (row_bytes + 1) + 1;
    undo_png_filter(static_cast<PngFilter>(row[-1]), row, above, row_bytes, layout->step);
    picked.offer(y, row, *layout);
    above = row;
  }
  return true;
}

}  // namespace cxrnet::detail
