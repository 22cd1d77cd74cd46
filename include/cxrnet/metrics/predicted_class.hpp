#pragma once
#include <algorithm>
#include <span>

namespace cxrnet {

/// The most probable class of one sample, the first of equals.
template <class Scalar>
[[nodiscard]] int predicted_class(std::span<Scalar> probabilities) {
  return static_cast<int>(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

}  // namespace cxrnet
