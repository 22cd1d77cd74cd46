#pragma once
#include <cctype>
#include <cstddef>
#include <string_view>

namespace cxrnet::detail {

/// "dense_2" before "dense_10": runs of digits compare as numbers.
[[nodiscard]] inline bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto number = [&](std::string_view text, std::size_t& at) {
      const std::size_t begin = at;
      while (at < text.size() && digit(text[at])) ++at;
      const std::string_view run = text.substr(begin, at - begin);
      return run.substr(std::min(run.find_first_not_of('0'), run.size()));
    };
    const std::string_view x = number(a, i), y = number(b, j);
    if (x != y) return std::pair(x.size(), x) < std::pair(y.size(), y);
  }
  return a.size() - i < b.size() - j;
}

}  // namespace cxrnet::detail
