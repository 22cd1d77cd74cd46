#pragma once
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

namespace cxrnet {

namespace detail {

inline void check_probabilities(std::span<const int> labels, std::span<const double> probabilities) {
  if (labels.size() != probabilities.size())
    throw ArgumentError("there are " + std::to_string(labels.size()) + " labels but " +
                        std::to_string(probabilities.size()) + " probabilities; give one probability for each label");
  if (labels.empty()) throw ArgumentError("there are no samples; give at least one label and its probability");
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    if (!(probabilities[i] >= 0.0 && probabilities[i] <= 1.0))
      throw ArgumentError("the probability of sample " + std::to_string(i) + " is " +
                          std::to_string(probabilities[i]) + ", not in [0, 1]; give a softmax's output");
}

}  // namespace detail

/// The mean squared error of the positive class's probability, in [0, 1]; 0 is best.
[[nodiscard]] inline double brier_score(std::span<const int> labels, std::span<const double> probabilities,
                                        int positive = 1) {
  detail::check_probabilities(labels, probabilities);
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double error = probabilities[i] - (labels[i] == positive ? 1.0 : 0.0);
    sum += error * error;
  }
  return sum / static_cast<double>(labels.size());
}

/// The mean negative log-likelihood of the positive class against the rest, in nats; probabilities clipped by double's
/// epsilon as in scikit-learn.
[[nodiscard]] inline double log_loss(std::span<const int> labels, std::span<const double> probabilities,
                                     int positive = 1) {
  detail::check_probabilities(labels, probabilities);
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double p = labels[i] == positive ? probabilities[i] : 1.0 - probabilities[i];
    sum -= std::log(std::clamp(p, epsilon, 1.0 - epsilon));
  }
  return sum / static_cast<double>(labels.size());
}

/// Keras's mean categorical cross-entropy of probabilities (n x classes, row-major): each row divided by its sum, the
/// true class's entry clipped to [1e-7, 1 - 1e-7]. Labels must be in [0, classes), rows have a positive sum.
[[nodiscard]] inline double categorical_cross_entropy(std::span<const int> labels, std::span<const float> probabilities,
                                                      std::size_t classes) {
  if (labels.empty()) throw ArgumentError("there are no samples; give at least one label and its probabilities");
  if (labels.size() * classes != probabilities.size())
    throw ArgumentError(std::to_string(labels.size()) + " labels of " + std::to_string(classes) + " classes need " +
                        std::to_string(labels.size() * classes) + " probabilities, not " +
                        std::to_string(probabilities.size()) + "; give one row of probabilities for each label");
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    double row_sum = 0.0;
    for (const float p : row) row_sum += static_cast<double>(p);
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes || !(row_sum > 0.0) || std::isinf(row_sum))
      throw ArgumentError("sample " + std::to_string(i) + " has the label " + std::to_string(labels[i]) +
                          " and probabilities that sum to " + std::to_string(row_sum) +
                          "; give labels from 0 and a softmax's output");
    const double p = static_cast<double>(row[static_cast<std::size_t>(labels[i])]) / row_sum;
    sum -= std::log(std::clamp(p, 1e-7, 1.0 - 1e-7));
  }
  return sum / static_cast<double>(labels.size());
}

}  // namespace cxrnet
