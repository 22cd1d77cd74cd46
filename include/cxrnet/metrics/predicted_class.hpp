#pragma once
#include <algorithm>
#include <ranges>

namespace cxrnet {

/// The most probable class of one sample, the first of equals. `probabilities` is a span or container of numbers.
[[nodiscard]] constexpr int predicted_class(const std::ranges::random_access_range auto& probabilities) {
  return static_cast<int>(std::ranges::max_element(probabilities) - std::ranges::begin(probabilities));
}

}  // namespace cxrnet
