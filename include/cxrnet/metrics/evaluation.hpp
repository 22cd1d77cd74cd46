#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/metrics/classification.hpp>
#include <cxrnet/metrics/confusion_matrix.hpp>
#include <cxrnet/metrics/interval.hpp>
#include <cxrnet/metrics/predicted_class.hpp>
#include <cxrnet/metrics/probability.hpp>
#include <cxrnet/metrics/ranking.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// Everything that is reported of a classifier on a labelled set. The predicted class is the most probable one, the
/// first of equals.
struct Evaluation {
  std::vector<std::string> classes;  ///< Names by class id.
  std::size_t positive = 0;          ///< The class of the figures "against the rest".
  std::size_t samples = 0;
  ConfusionMatrix confusion{0};

  double accuracy = 0.0;
  Interval accuracy_interval;  ///< Wilson.
  std::size_t majority_class = 0;
  double majority_accuracy = 0.0;  ///< Of always answering the majority class of this set.
  double balanced_accuracy = 0.0;
  double matthews_correlation = 0.0;
  double loss = 0.0;  ///< Keras's mean categorical cross-entropy.

  std::vector<ClassScores> per_class;
  AverageScores macro;
  AverageScores weighted;

  // The positive class against the rest, scored by its probability.
  std::optional<double> roc_auc;             ///< nullopt where the set holds one side only.
  std::optional<Interval> roc_auc_interval;  ///< DeLong; nullopt where undefined.
  std::optional<double> average_precision;   ///< nullopt where the set holds no positive.
  double brier = 0.0;
  double log_loss = 0.0;
};

namespace detail {

inline void check_predictions(std::span<const int> labels, std::span<const float> probabilities, std::size_t classes) {
  if (classes < 2)
    throw ArgumentError("there are " + std::to_string(classes) + " classes; an evaluation needs at least two");
  if (labels.empty()) throw ArgumentError("there are no predictions to evaluate; give at least one labelled image");
  if (probabilities.size() != labels.size() * classes)
    throw ArgumentError(std::to_string(labels.size()) + " labels of " + std::to_string(classes) + " classes need " +
                        std::to_string(labels.size() * classes) + " probabilities, not " +
                        std::to_string(probabilities.size()) + "; give one row of probabilities for each label");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes)
      throw ArgumentError("sample " + std::to_string(i) + " has the label " + std::to_string(labels[i]) +
                          ", not one of the " + std::to_string(classes) + " classes; number them from 0");
    double sum = 0.0;
    for (const float p : probabilities.subspan(i * classes, classes)) {
      if (!(p >= 0.0F && p <= 1.0F))
        throw ArgumentError("sample " + std::to_string(i) + " has the probability " + std::to_string(p) +
                            ", not in [0, 1]; check the model's weights and that its last layer is a softmax");
      sum += static_cast<double>(p);
    }
    if (std::abs(sum - 1.0) > 1e-3)
      throw ArgumentError("the probabilities of sample " + std::to_string(i) + " sum to " + std::to_string(sum) +
                          ", not 1; give a softmax's output, one row for each sample");
  }
}

}  // namespace detail

/// Evaluates n predictions: `labels` in [0, classes), `probabilities` n x classes row-major in [0, 1] with rows that
/// sum to 1, the names of the classes, and the id of the positive one. Throws ArgumentError otherwise, NaN included.
[[nodiscard]] inline Evaluation evaluate_predictions(std::span<const int> labels, std::span<const float> probabilities,
                                                     std::span<const std::string> classes, int positive) {
  const std::size_t count = classes.size();
  detail::check_predictions(labels, probabilities, count);
  if (positive < 0 || static_cast<std::size_t>(positive) >= count)
    throw ArgumentError("the positive class " + std::to_string(positive) + " is not one of the " +
                        std::to_string(count) + " classes; number them from 0");
  Evaluation result;
  result.classes.assign(classes.begin(), classes.end());
  result.positive = static_cast<std::size_t>(positive);
  result.samples = labels.size();
  result.confusion = ConfusionMatrix(count);
  std::vector<double> scores;
  scores.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * count, count);
    result.confusion.add(labels[i], predicted_class(row));
    scores.push_back(static_cast<double>(row[result.positive]));
  }

  const ConfusionMatrix& matrix = result.confusion;
  result.accuracy = accuracy(matrix);
  result.accuracy_interval = wilson_interval(matrix.correct(), matrix.total());
  result.majority_class = majority_class(matrix);
  result.majority_accuracy = majority_accuracy(matrix);
  result.balanced_accuracy = balanced_accuracy(matrix);
  result.matthews_correlation = matthews_correlation(matrix);
  result.loss = categorical_cross_entropy(labels, probabilities, count);
  for (std::size_t k = 0; k < count; ++k) result.per_class.push_back(class_scores(matrix, k));
  result.macro = macro_average(result.per_class);
  result.weighted = weighted_average(result.per_class);
  result.roc_auc = roc_auc(labels, scores, positive);
  result.roc_auc_interval = delong_interval(labels, scores, positive);
  result.average_precision = average_precision(labels, scores, positive);
  result.brier = brier_score(labels, scores, positive);
  result.log_loss = log_loss(labels, scores, positive);
  return result;
}

}  // namespace cxrnet
