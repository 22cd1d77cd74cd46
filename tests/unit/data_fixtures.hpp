#pragma once
#include "catch.hpp"

#include "message.hpp"
#include "temp_folder.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet::test {

/// 12 rows of 16: red 16 x, green 20 y, blue 9 (x + y); baseline, written by Pillow.
inline constexpr std::array<unsigned char, 360> colour_jpeg{
    255, 216, 255, 224, 0, 16, 74, 70, 73, 70, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 255, 219, 0, 67, 0, 3, 2, 2, 3, 2, 2, 3,
    3, 3, 3, 4, 3, 3, 4, 5, 8, 5, 5, 4, 4, 5, 10, 7, 7, 6, 8, 12, 10, 12, 12, 11, 10, 11, 11, 13, 14, 18, 16, 13, 14,
    17, 14, 11, 11, 16, 22, 16, 17, 19, 20, 21, 21, 21, 12, 15, 23, 24, 22, 20, 24, 18, 20, 21, 20, 255, 219, 0, 67,
    1, 3, 4, 4, 5, 4, 5, 9, 5, 5, 9, 20, 13, 11, 13, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,
    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,
    20, 20, 20, 20, 20, 20, 255, 192, 0, 17, 8, 0, 12, 0, 16, 3, 1, 17, 0, 2, 17, 1, 3, 17, 1, 255, 196, 0, 21, 0, 1,
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 255, 196, 0, 27, 16, 0, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 6, 35, 5, 7, 36, 51, 161, 255, 196, 0, 25, 1, 0, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 8, 2, 5,
    7, 9, 255, 196, 0, 27, 17, 0, 2, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 6, 34, 2, 3, 5, 50, 255, 218, 0,
    12, 3, 1, 0, 2, 17, 3, 17, 0, 63, 0, 149, 210, 172, 94, 188, 126, 16, 93, 162, 186, 61, 42, 243, 97, 241, 42, 197,
    107, 199, 224, 76, 187, 67, 55, 30, 148, 249, 176, 212, 148, 163, 76, 142, 3, 51, 95, 102, 71, 48, 35, 221, 22,
    43, 97, 241, 41, 66, 153, 28, 1, 50, 251, 50, 25, 184, 247, 69, 138, 216, 255, 217};

/// 9 rows of 7: grey 25 y + 4 x; progressive, written by Pillow.
inline constexpr std::array<unsigned char, 300> grey_jpeg{
    255, 216, 255, 224, 0, 16, 74, 70, 73, 70, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 255, 219, 0, 67, 0, 3, 2, 2, 3, 2, 2, 3,
    3, 3, 3, 4, 3, 3, 4, 5, 8, 5, 5, 4, 4, 5, 10, 7, 7, 6, 8, 12, 10, 12, 12, 11, 10, 11, 11, 13, 14, 18, 16, 13, 14,
    17, 14, 11, 11, 16, 22, 16, 17, 19, 20, 21, 21, 21, 12, 15, 23, 24, 22, 20, 24, 18, 20, 21, 20, 255, 194, 0, 11,
    8, 0, 9, 0, 7, 1, 1, 17, 0, 255, 196, 0, 21, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 8, 255, 218, 0,
    8, 1, 1, 0, 0, 0, 1, 55, 75, 127, 255, 196, 0, 22, 16, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 6,
    255, 218, 0, 8, 1, 1, 0, 1, 5, 2, 159, 12, 157, 255, 196, 0, 21, 16, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 16, 51, 255, 218, 0, 8, 1, 1, 0, 6, 63, 2, 153, 255, 196, 0, 23, 16, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 33, 49, 209, 255, 218, 0, 8, 1, 1, 0, 1, 63, 33, 139, 10, 191, 255, 218, 0, 8, 1, 1, 0, 0, 0, 16, 63,
    255, 196, 0, 24, 16, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33, 49, 97, 113, 255, 218, 0, 8, 1, 1, 0,
    1, 63, 16, 70, 134, 28, 63, 255, 217};

inline std::vector<std::byte> bytes_of(std::span<const unsigned char> values) {
  const auto view = std::as_bytes(values);
  return {view.begin(), view.end()};
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

/// A PNG put together by hand, so that tests can get any part of it wrong.
class PngWriter {
 public:
  PngWriter() { append(std::string_view("\x89PNG\r\n\x1a\n", 8)); }

  PngWriter& chunk(std::string_view type, const std::string& data) {
    const std::string body = std::string(type) + data;
    append(word(static_cast<std::uint32_t>(data.size())));
    append(body);
    append(word(crc(body)));
    return *this;
  }

  PngWriter& header(std::uint32_t width, std::uint32_t height, int depth, int colour) {
    return chunk("IHDR", word(width) + word(height) + static_cast<char>(depth) + static_cast<char>(colour) +
                             std::string(3, '\0'));
  }

  /// Rows without their filter bytes, each of `stride` bytes, stored uncompressed.
  PngWriter& pixels(const std::string& rows, std::size_t stride) {
    std::string raw;
    for (std::size_t at = 0; at < rows.size(); at += stride) raw += '\0' + rows.substr(at, stride);
    std::string zlib = "\x78\x01";
    for (std::size_t at = 0; at < raw.size(); at += 65535) {
      const std::string block = raw.substr(at, 65535);
      const auto size = static_cast<unsigned>(block.size());
      zlib += at + 65535 >= raw.size() ? '\1' : '\0';
      for (const unsigned value : {size, ~size}) {
        zlib += static_cast<char>(value & 0xFFU);
        zlib += static_cast<char>(value >> 8U & 0xFFU);
      }
      zlib += block;
    }
    return chunk("IDAT", zlib + word(adler(raw)));
  }

  [[nodiscard]] std::vector<std::byte> done() { return chunk("IEND", "").bytes_; }

  static std::string word(std::uint32_t value) {
    std::string text;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(value >> shift & 0xFFU);
    return text;
  }

 private:
  void append(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
  }

  static std::uint32_t crc(std::string_view text) {
    std::uint32_t value = ~0U;
    for (const char c : text) {
      value ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    return ~value;
  }

  static std::uint32_t adler(std::string_view text) {
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const char c : text) {
      a = (a + static_cast<unsigned char>(c)) % 65521;
      b = (b + a) % 65521;
    }
    return b << 16U | a;
  }

  std::vector<std::byte> bytes_;
};

/// A grey PNG of one level, or with a pattern that differs from one `seed` to the next.
inline std::vector<std::byte> grey_png(int width, int height, unsigned seed) {
  std::string rows;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      rows += static_cast<char>((static_cast<unsigned>(x * 7 + y * 13) * (seed + 1) + seed) & 0xFFU);
    }
  }
  return PngWriter()
      .header(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 8, 0)
      .pixels(rows, static_cast<std::size_t>(width))
      .done();
}

/// A folder of its own for a test, and files written into it.
class TemporaryFolder : public TempFolder {
 public:
  std::filesystem::path write(const std::filesystem::path& name, std::span<const std::byte> bytes) const {
    const auto file = path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file;
  }
};

}  // namespace cxrnet::test
