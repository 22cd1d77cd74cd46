#pragma once
#include <cxrnet/metrics/confusion_matrix.hpp>
#include <cxrnet/metrics/interval.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace cxrnet {

// scikit-learn's definitions with zero_division=0: a ratio whose denominator is zero counts as 0. Averages run over
// every class of the matrix, those without samples included (scikit-learn's labels=range(classes)).

/// numerator / denominator, 0 where the denominator is 0.
[[nodiscard]] inline double ratio_or_zero(std::size_t numerator, std::size_t denominator) {
  return denominator == 0 ? 0.0 : static_cast<double>(numerator) / static_cast<double>(denominator);
}

/// One class against the rest.
struct ClassScores {
  double precision = 0.0;
  double recall = 0.0;  ///< Sensitivity.
  double f1 = 0.0;
  double specificity = 0.0;
  std::size_t support = 0;    ///< Samples of the class.
  Interval recall_interval;  ///< Wilson.
};

/// A mean over the classes.
struct AverageScores {
  double precision = 0.0;
  double recall = 0.0;
  double f1 = 0.0;
};

/// The share of samples on the diagonal.
[[nodiscard]] inline double accuracy(const ConfusionMatrix& matrix) {
  return ratio_or_zero(matrix.correct(), matrix.total());
}

/// The class with most samples, the first of equals.
[[nodiscard]] inline std::size_t majority_class(const ConfusionMatrix& matrix) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < matrix.classes(); ++k)
    if (matrix.support(k) > matrix.support(best)) best = k;
  return best;
}

/// The accuracy of always answering the majority class: what any classifier must beat.
[[nodiscard]] inline double majority_accuracy(const ConfusionMatrix& matrix) {
  return matrix.classes() == 0 ? 0.0 : ratio_or_zero(matrix.support(majority_class(matrix)), matrix.total());
}

/// Precision, recall, F1, specificity and support of class `k` against the rest.
[[nodiscard]] inline ClassScores class_scores(const ConfusionMatrix& matrix, std::size_t k) {
  const std::size_t hits = matrix(k, k);
  const std::size_t support = matrix.support(k);
  const std::size_t predicted = matrix.predicted(k);
  const std::size_t others = matrix.total() - support;
  return {.precision = ratio_or_zero(hits, predicted),
          .recall = ratio_or_zero(hits, support),
          .f1 = ratio_or_zero(2 * hits, support + predicted),
          .specificity = ratio_or_zero(others - (predicted - hits), others),
          .support = support,
          .recall_interval = wilson_interval(hits, support)};
}

/// The plain mean over the classes.
[[nodiscard]] inline AverageScores macro_average(const std::vector<ClassScores>& scores) {
  AverageScores mean;
  const double share = scores.empty() ? 0.0 : 1.0 / static_cast<double>(scores.size());
  for (const ClassScores& s : scores) {
    mean.precision += s.precision * share;
    mean.recall += s.recall * share;
    mean.f1 += s.f1 * share;
  }
  return mean;
}

/// The mean over the classes weighted by support.
[[nodiscard]] inline AverageScores weighted_average(const std::vector<ClassScores>& scores) {
  AverageScores mean;
  std::size_t total = 0;
  for (const ClassScores& s : scores) total += s.support;
  for (const ClassScores& s : scores) {
    const double share = ratio_or_zero(s.support, total);
    mean.precision += s.precision * share;
    mean.recall += s.recall * share;
    mean.f1 += s.f1 * share;
  }
  return mean;
}

/// The mean recall of the classes that have samples (scikit-learn's balanced_accuracy_score).
[[nodiscard]] inline double balanced_accuracy(const ConfusionMatrix& matrix) {
  double sum = 0.0;
  std::size_t present = 0;
  for (std::size_t k = 0; k < matrix.classes(); ++k) {
    const std::size_t support = matrix.support(k);
    if (support == 0) continue;
    sum += ratio_or_zero(matrix(k, k), support);
    ++present;
  }
  return present == 0 ? 0.0 : sum / static_cast<double>(present);
}

/// Matthews's correlation coefficient, for more than two classes Gorodkin's R_K; 0 where labels or predictions are all
/// of one class.
[[nodiscard]] inline double matthews_correlation(const ConfusionMatrix& matrix) {
  const double n = static_cast<double>(matrix.total());
  double agreement = static_cast<double>(matrix.correct()) * n;
  double truth_spread = n * n;
  double prediction_spread = n * n;
  for (std::size_t k = 0; k < matrix.classes(); ++k) {
    const double truth = static_cast<double>(matrix.support(k));
    const double predicted = static_cast<double>(matrix.predicted(k));
    agreement -= truth * predicted;
    truth_spread -= truth * truth;
    prediction_spread -= predicted * predicted;
  }
  const double spread = std::sqrt(truth_spread) * std::sqrt(prediction_spread);
  return spread > 0.0 ? agreement / spread : 0.0;
}

}  // namespace cxrnet
