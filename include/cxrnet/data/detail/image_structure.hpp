#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <libdeflate.h>
#include <optional>
#include <span>
#include <string_view>

// The outer structure of JPEG and PNG files, walked before they are decoded. Decoders pad a JPEG that was cut short with
// grey, stb_image checks no CRC, and a damaged radiograph must not pass for a good one.
namespace cxrnet::detail {

using Bytes = std::span<const std::byte>;

inline std::uint32_t byte_at(Bytes bytes, std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); }

inline std::uint32_t big_endian_16(Bytes bytes, std::size_t i) {
  return byte_at(bytes, i) << 8U | byte_at(bytes, i + 1);
}

inline std::uint32_t big_endian_32(Bytes bytes, std::size_t i) {
  return big_endian_16(bytes, i) << 16U | big_endian_16(bytes, i + 2);
}

/// Whether `bytes` has `text` at `offset`.
inline bool has_at(Bytes bytes, std::size_t offset, std::string_view text) {
  if (bytes.size() < offset || bytes.size() - offset < text.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (byte_at(bytes, offset + i) != static_cast<unsigned char>(text[i])) return false;
  }
  return true;
}

inline constexpr std::string_view png_signature{"\x89PNG\r\n\x1a\n", 8};
inline constexpr std::string_view jpeg_signature{"\xff\xd8\xff", 3};

/// What a file that is neither JPEG nor PNG seems to be, for its error message.
inline std::string_view describe_content(Bytes bytes) {
  if (has_at(bytes, 0, "GIF8")) return "a GIF image";
  if (has_at(bytes, 0, "BM")) return "a BMP image";
  if (has_at(bytes, 0, std::string_view("II*\0", 4)) || has_at(bytes, 0, std::string_view("MM\0*", 4))) {
    return "a TIFF image";
  }
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) return "a WebP image";
  if (has_at(bytes, 128, "DICM")) return "a DICOM file";
  if (has_at(bytes, 0, "P5") || has_at(bytes, 0, "P6")) return "a PNM image";
  for (std::size_t i = 0; i < bytes.size() && i < 512; ++i) {
    const auto value = byte_at(bytes, i);
    if (value < 9 || (value > 13 && value < 32 && value != 27)) return "no image that is known here";
  }
  return "text";
}

/// What is wrong with a PNG's chunks, from the signature to IEND; nothing if all is well.
inline std::optional<std::string_view> png_fault(Bytes bytes) {
  std::size_t at = png_signature.size();
  while (bytes.size() - at >= 12) {
    const std::size_t length = big_endian_32(bytes, at);
    if (length > bytes.size() - at - 12) return "is cut short";
    if (libdeflate_crc32(0, bytes.data() + at + 4, length + 4) != big_endian_32(bytes, at + 8 + length)) {
      return "is damaged: the checksum of one of its parts is wrong";
    }
    if (has_at(bytes, at + 4, "IEND")) return std::nullopt;
    at += length + 12;
  }
  return "is cut short";
}

/// Where the next JPEG marker with a length of its own, or end-of-image, stands, from `at` on; `bytes.size()` where
/// there is none. What comes between is filling, or a scan's entropy-coded data.
inline std::size_t next_jpeg_marker(Bytes bytes, std::size_t at) {
  while (at + 1 < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, 0xFF, bytes.size() - 1 - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    const auto marker = byte_at(bytes, at + 1);
    if (marker == 0xFF) {
      ++at;
    } else if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD7)) {
      at += 2;
    } else {
      return at;
    }
  }
  return bytes.size();
}

inline constexpr std::uint32_t jpeg_huffman_tables = 0xC4;
inline constexpr std::uint32_t jpeg_end_of_image = 0xD9;
inline constexpr std::uint32_t jpeg_start_of_scan = 0xDA;
/// Progressive files have about ten scans. Each goes over the whole image, however few bytes it has.
inline constexpr int max_jpeg_scans = 64;

/// Whether a segment of Huffman tables has room for its codes.
inline bool sound_huffman_tables(Bytes segment) {
  while (!segment.empty()) {
    constexpr std::size_t counts = 16;
    if (segment.size() < 1 + counts) return false;
    std::size_t codes = 0;
    for (std::size_t i = 1; i <= counts; ++i) codes += byte_at(segment, i);
    if (codes > 255 || codes > segment.size() - 1 - counts) return false;
    segment = segment.subspan(1 + counts + codes);
  }
  return true;
}

/// What is wrong with a JPEG's segments, from start-of-image to end-of-image; nothing if all is well.
inline std::optional<std::string_view> jpeg_fault(Bytes bytes) {
  int scans = 0;
  for (std::size_t at = next_jpeg_marker(bytes, 2); at < bytes.size(); at = next_jpeg_marker(bytes, at)) {
    const auto marker = byte_at(bytes, at + 1);
    if (marker == jpeg_end_of_image) {
      if (scans > 0) return std::nullopt;
      return "is damaged: it ends before any pixels";
    }
    if (bytes.size() - at < 4) break;
    const std::size_t length = big_endian_16(bytes, at + 2);
    if (length < 2) return "is damaged: one of its parts has an impossible length";
    if (length > bytes.size() - at - 2) break;
    if (marker == jpeg_huffman_tables && !sound_huffman_tables(bytes.subspan(at + 4, length - 2))) {
      return "is damaged: its Huffman tables are impossible";
    }
    if (marker == jpeg_start_of_scan && ++scans > max_jpeg_scans) return "is damaged: it has far too many scans";
    at += length + 2;
  }
  return "is cut short";
}

/// From start- to end-of-image of a baseline JPEG of 8 bits that has one frame and one scan, and every table before them;
/// nothing of any other, and of none that jpeg_fault() refuses.
inline std::optional<Bytes> baseline_jpeg(Bytes bytes) {
  constexpr std::uint32_t baseline_frame = 0xC0, quantisation_tables = 0xDB, restart_interval = 0xDD, comment = 0xFE;
  int frames = 0;
  int scans = 0;
  for (std::size_t at = next_jpeg_marker(bytes, 2); at < bytes.size(); at = next_jpeg_marker(bytes, at)) {
    const auto marker = byte_at(bytes, at + 1);
    if (marker == jpeg_end_of_image) return scans == 1 ? std::optional(bytes.first(at + 2)) : std::nullopt;
    if (scans > 0 || bytes.size() - at < 5) break;
    if (marker == baseline_frame) {
      if (++frames > 1 || byte_at(bytes, at + 4) != 8) break;
    } else if (marker == jpeg_start_of_scan) {
      if (frames == 0) break;
      ++scans;
    } else if (marker != jpeg_huffman_tables && marker != quantisation_tables && marker != restart_interval &&
               marker != comment && (marker < 0xE0 || marker > 0xEF)) {  // E0 to EF: what programs add
      break;
    }
    at += big_endian_16(bytes, at + 2) + std::size_t{2};
  }
  return std::nullopt;
}

struct PixelSize {
  std::int64_t height;
  std::int64_t width;
  friend bool operator==(const PixelSize&, const PixelSize&) = default;
};

/// The size that a PNG's or JPEG's header states; nothing where the header does not get so far.
inline std::optional<PixelSize> png_size(Bytes bytes) {
  if (bytes.size() < 24 || !has_at(bytes, 12, "IHDR")) return std::nullopt;
  return PixelSize{big_endian_32(bytes, 20), big_endian_32(bytes, 16)};
}

inline std::optional<PixelSize> jpeg_size(Bytes bytes) {
  for (std::size_t at = next_jpeg_marker(bytes, 2); at < bytes.size() && bytes.size() - at >= 9;
       at = next_jpeg_marker(bytes, at)) {
    const auto marker = byte_at(bytes, at + 1);
    const bool starts_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (starts_frame) return PixelSize{big_endian_16(bytes, at + 5), big_endian_16(bytes, at + 7)};
    if (marker == jpeg_end_of_image || marker == jpeg_start_of_scan) break;
    at += big_endian_16(bytes, at + 2) + std::size_t{2};
  }
  return std::nullopt;
}

}  // namespace cxrnet::detail
