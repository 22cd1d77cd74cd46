#pragma once
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace cxrnet {

/// A name fit for one line of a terminal: control characters, which could carry escape sequences, become '?'.
[[nodiscard]] inline std::string printable(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

/// The columns that UTF-8 text takes where each code point takes one.
[[nodiscard]] inline std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return width;
}

/// `text` filled with blanks on the right to `width` columns; longer text is kept whole.
[[nodiscard]] inline std::string left_aligned(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

/// `text` filled with blanks on the left to `width` columns; longer text is kept whole.
[[nodiscard]] inline std::string right_aligned(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(used < width ? width - used : 0, ' ') + std::string(text);
}

/// `value` with a fixed number of decimals, "nan" where it is not a number.
[[nodiscard]] inline std::string with_decimals(double value, int decimals) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  std::array<char, 400> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, decimals);
  return std::string(buffer.data(), end.ptr);
}

/// The shortest decimal that reads back as exactly `value`; not a number gives "nan".
template <std::floating_point T>
[[nodiscard]] std::string round_trip(T value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end.ptr);
}

}  // namespace cxrnet
