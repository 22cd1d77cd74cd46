#pragma once
#include <cxrnet/metrics/predicted_class.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace cxrnet {

/// What a batch gave: the sum of its samples' losses, and how many were classified right.
struct StepResult {
  double loss_sum = 0;
  int correct = 0;
};

/// -log of the true class's probability, as Keras computes it (probabilities clipped to 1e-7 .. 1 - 1e-7). Needs a
/// network that ends in a softmax, and gives the gradient of the softmax's input: (p - y) / n.
struct CategoricalCrossentropy {
  static constexpr bool gradient_of_logits = true;

  template <class Scalar>
  static double value(std::span<const Scalar> probabilities, int label) {
    const double p = static_cast<double>(probabilities[static_cast<std::size_t>(label)]);
    return -std::log(std::clamp(p, 1e-7, 1 - 1e-7));
  }

  /// Of the mean over `n` samples.
  template <class Scalar>
  static void gradient(std::span<const Scalar> probabilities, int label, int n, std::span<Scalar> result) {
    for (std::size_t k = 0; k < probabilities.size(); ++k) {
      const Scalar truth = static_cast<int>(k) == label ? Scalar{1} : Scalar{0};
      result[k] = (probabilities[k] - truth) / static_cast<Scalar>(n);
    }
  }
};

}  // namespace cxrnet
