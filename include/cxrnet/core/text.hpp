#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace cxrnet {

/// A string as a template argument: `Named<"block1_conv1", Conv2D<64>>`.
template <std::size_t Size>
struct FixedString {
  char text[Size]{};

  // NOLINTNEXTLINE(google-explicit-constructor): implicit, so that a literal will do.
  constexpr FixedString(const char (&literal)[Size]) { std::copy_n(literal, Size, text); }
  [[nodiscard]] constexpr std::string_view view() const { return {text, Size - 1}; }
};

/// A short name made at compile time, such as "dense_1.kernel"; longer ones are cut.
class Name {
 public:
  constexpr Name() = default;
  constexpr explicit Name(std::string_view text) { append(text); }

  constexpr Name& append(std::string_view text) {
    const std::size_t room = text_.size() - size_;
    const std::size_t count = std::min(room, text.size());
    std::copy_n(text.begin(), count, text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += count;
    return *this;
  }

  constexpr Name& append_number(int number) {
    if (number >= 10) append_number(number / 10);
    const char digit = static_cast<char>('0' + number % 10);
    return append({&digit, 1});
  }

  [[nodiscard]] constexpr std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 64> text_{};
  std::size_t size_ = 0;
};

/// `pattern` with each # replaced by the next number: numbered<"block#_conv#", 1, 2> is "block1_conv2".
template <FixedString pattern, int... numbers>
inline constexpr auto numbered = [] {
  static_assert(std::ranges::count(pattern.view(), '#') == sizeof...(numbers),
                "cxrnet: numbered takes a number for each #");
  constexpr Name name = [] {
    const std::array<int, sizeof...(numbers) + 1> values{numbers...};
    std::size_t next = 0;
    Name result;
    for (const char c : pattern.view()) {
      if (c == '#') result.append_number(values[next++]);
      else result.append({&c, 1});
    }
    return result;
  }();
  char text[name.view().size() + 1]{};
  std::copy_n(name.view().data(), name.view().size(), text);
  return FixedString(text);
}();

}  // namespace cxrnet
