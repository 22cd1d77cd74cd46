#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/metrics/predicted_class.hpp>
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cxrnet {

/// What a batch gave.
struct StepResult {
  double loss_sum = 0;  ///< of weight x loss over its samples
  /// Samples that were right, weights apart. Of a loss for labels that may go together each sample counts by the share
  /// of its outputs that are right at 0.5: Keras's binary accuracy.
  double correct = 0;
};

/// What every loss states; it is a small object of options.
///
///   static constexpr std::string_view name;      Keras's name for it
///   static constexpr Seed seed;                  whose gradient it gives
///   template <op::Activation end>
///   static constexpr bool fits();                asserts that a network that ends in `end` has what it needs
///   void check() const;                          ArgumentError where its options make no sense
///   double value(std::span<const Scalar> outputs, std::span<const float> targets) const;       of one sample
///   void gradient(outputs, targets, Scalar weight, int n, std::span<Scalar> result) const;     of weight * value / n
///   static double correct(outputs, targets);     0 to 1
///   LossTerms<Scalar> terms(targets, int n, std::span<Scalar> truth) const;    optional, where `gradient` has that form:
///                                                a backend may then compute it. The divisor is the same for every sample of
///                                                a batch, and `value` is finite where the gradient is
template <class L>
concept LossContract = requires(const L& loss, std::span<const float> outputs, std::span<float> result) {
  { L::name } -> std::convertible_to<std::string_view>;
  { L::seed } -> std::convertible_to<Seed>;
  loss.check();
  { loss.value(outputs, outputs) } -> std::same_as<double>;
  loss.gradient(outputs, outputs, 1.0F, 1, result);
  { L::correct(outputs, outputs) } -> std::same_as<double>;
};

/// A gradient of the form (outputs * slope - truth) * weight / divisor, whose truths lie elsewhere.
template <class Scalar>
struct LossTerms {
  Scalar slope = 1;
  Scalar divisor = 1;
};

namespace detail {

/// LossContract::gradient of a loss that has a `terms`.
template <class Loss, class Scalar>
void gradient_of_terms(const Loss& loss, std::span<const Scalar> outputs, std::span<const float> targets, Scalar weight, int n,
                       std::span<Scalar> result) {
  const LossTerms<Scalar> r = loss.terms(targets, n, result);
  for (std::size_t k = 0; k < outputs.size(); ++k) result[k] = (outputs[k] * r.slope - result[k]) * weight / r.divisor;
}

inline void check_smoothing(double label_smoothing) {
  if (!(label_smoothing >= 0 && label_smoothing <= 1)) throw ArgumentError("Label smoothing is from 0 to 1.");
}

}  // namespace detail

/// Keras clips probabilities to 1e-7 .. 1 - 1e-7 before a logarithm.
template <class Scalar>
double clipped_log(Scalar probability) {
  return std::log(std::clamp(static_cast<double>(probability), 1e-7, 1 - 1e-7));
}

/// -sum of y log p, y smoothed to y (1 - s) + s / classes. The gradient is that of the softmax's input, p sum(y) - y,
/// which knows nothing of the clipping.
struct CategoricalCrossentropy {
  double label_smoothing = 0;

  static constexpr std::string_view name = "categorical_crossentropy";
  static constexpr Seed seed = Seed::logits;
  template <op::Activation end>
  static constexpr bool fits() {
    static_assert(end == op::Activation::softmax,
                  "cxrnet: CategoricalCrossentropy needs a network that ends in Softmax");
    return true;
  }
  void check() const { detail::check_smoothing(label_smoothing); }

  template <class Scalar>
  [[nodiscard]] double value(std::span<const Scalar> probabilities, std::span<const float> targets) const {
    double sum = 0;
    for (std::size_t k = 0; k < probabilities.size(); ++k) {
      sum -= smooth(targets[k], targets.size()) * clipped_log(probabilities[k]);
    }
    return sum;
  }

  template <class Scalar>
  void gradient(std::span<const Scalar> probabilities, std::span<const float> targets, Scalar weight, int n,
                std::span<Scalar> result) const {
    detail::gradient_of_terms(*this, probabilities, targets, weight, n, result);
  }
  template <class Scalar>
  LossTerms<Scalar> terms(std::span<const float> targets, int n, std::span<Scalar> truth) const {
    double all = 0;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const double y = smooth(targets[k], targets.size());
      all += y;
      truth[k] = static_cast<Scalar>(y);
    }
    return {static_cast<Scalar>(all), static_cast<Scalar>(n)};
  }

  template <class Scalar>
  static double correct(std::span<const Scalar> probabilities, std::span<const float> targets) {
    return predicted_class(probabilities) == predicted_class(targets) ? 1 : 0;
  }

 private:
  [[nodiscard]] double smooth(float target, std::size_t classes) const {
    return double{target} * (1 - label_smoothing) + label_smoothing / static_cast<double>(classes);
  }
};

/// The mean over the outputs of -(y log p + (1 - y) log(1 - p)), y smoothed to y (1 - s) + s / 2: each output is a
/// question of its own. The gradient is that of the sigmoid's input, (p - y) / outputs, which knows nothing of the
/// clipping.
struct BinaryCrossentropy {
  double label_smoothing = 0;

  static constexpr std::string_view name = "binary_crossentropy";
  static constexpr Seed seed = Seed::logits;
  template <op::Activation end>
  static constexpr bool fits() {
    static_assert(end == op::Activation::sigmoid, "cxrnet: BinaryCrossentropy needs a network that ends in Sigmoid");
    return true;
  }
  void check() const { detail::check_smoothing(label_smoothing); }

  template <class Scalar>
  [[nodiscard]] double value(std::span<const Scalar> probabilities, std::span<const float> targets) const {
    double sum = 0;
    for (std::size_t k = 0; k < probabilities.size(); ++k) {
      const double p = std::clamp(static_cast<double>(probabilities[k]), 1e-7, 1 - 1e-7);
      const double y = smooth(targets[k]);
      sum -= y * std::log(p) + (1 - y) * std::log(1 - p);
    }
    return sum / static_cast<double>(probabilities.size());
  }

  template <class Scalar>
  void gradient(std::span<const Scalar> probabilities, std::span<const float> targets, Scalar weight, int n,
                std::span<Scalar> result) const {
    detail::gradient_of_terms(*this, probabilities, targets, weight, n, result);
  }
  template <class Scalar>
  LossTerms<Scalar> terms(std::span<const float> targets, int n, std::span<Scalar> truth) const {
    for (std::size_t k = 0; k < targets.size(); ++k) truth[k] = static_cast<Scalar>(smooth(targets[k]));
    return {1, static_cast<Scalar>(targets.size()) * static_cast<Scalar>(n)};
  }

  template <class Scalar>
  static double correct(std::span<const Scalar> probabilities, std::span<const float> targets) {
    double right = 0;
    for (std::size_t k = 0; k < probabilities.size(); ++k) {
      right += (probabilities[k] > Scalar{0.5}) == (targets[k] > 0.5F) ? 1 : 0;
    }
    return right / static_cast<double>(probabilities.size());
  }

 private:
  [[nodiscard]] double smooth(float target) const { return double{target} * (1 - label_smoothing) + label_smoothing / 2; }
};

/// Targets of n samples by their labels, n x outputs: 1 for the label, 0 elsewhere; of a single output the label
/// itself, 0 or 1. ArgumentError for a label that is no class, or where `targets` is no multiple of n.
inline void one_hot(std::span<const int> labels, std::span<float> targets) {
  const std::size_t outputs = labels.empty() ? 0 : targets.size() / labels.size();
  if (targets.size() != labels.size() * outputs) {
    throw ArgumentError("There are " + std::to_string(targets.size()) + " targets for " + std::to_string(labels.size()) +
                        " labels, not as many for each.");
  }
  const int classes = outputs == 1 ? 2 : static_cast<int>(outputs);
  std::fill(targets.begin(), targets.end(), 0.0F);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes) {
      throw ArgumentError("The label " + std::to_string(labels[i]) + " is none of the network's " +
                          std::to_string(classes) + " classes.");
    }
    if (outputs == 1) targets[i] = static_cast<float>(labels[i]);
    else targets[i * outputs + static_cast<std::size_t>(labels[i])] = 1;
  }
}

/// What a loss says of the outputs for n samples, n x outputs as their targets. `weights`, one a sample, may be empty:
/// 1.
template <class Scalar, LossContract Loss>
StepResult score(const Loss& loss, std::size_t n, std::span<const Scalar> outputs, std::span<const float> targets,
                 std::span<const float> weights = {}) {
  StepResult result;
  const std::size_t width = n == 0 ? 0 : targets.size() / n;
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = outputs.subspan(i * width, width);
    const auto truth = targets.subspan(i * width, width);
    result.loss_sum += (weights.empty() ? 1.0 : double{weights[i]}) * loss.value(row, truth);
    result.correct += Loss::correct(row, truth);
  }
  return result;
}

}  // namespace cxrnet
