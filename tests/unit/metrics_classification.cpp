#include <cxrnet/metrics/classification.hpp>

#include <vector>

#include "catch.hpp"

using namespace cxrnet;

namespace {

std::vector<ClassScores> all_scores(const ConfusionMatrix& matrix) {
  std::vector<ClassScores> scores;
  for (std::size_t k = 0; k < matrix.classes(); ++k) scores.push_back(class_scores(matrix, k));
  return scores;
}

}  // namespace

TEST_CASE("Three classes score as in scikit-learn", "[metrics]") {
  const std::vector<int> labels{0, 1, 2, 2, 1, 0, 2, 1, 1, 2, 0, 2};
  const std::vector<int> predicted{0, 2, 2, 1, 1, 0, 2, 1, 0, 2, 1, 0};
  const ConfusionMatrix matrix = confusion_matrix(labels, predicted, 3);
  const auto close = [](double value) { return Approx(value).margin(1e-12); };
  CHECK(accuracy(matrix) == close(0.5833333333333334));
  CHECK(matthews_correlation(matrix) == close(0.37896836447993354));
  CHECK(balanced_accuracy(matrix) == close(0.5888888888888889));
  CHECK(majority_class(matrix) == 2);
  CHECK(majority_accuracy(matrix) == close(5.0 / 12));

  const std::vector<ClassScores> scores = all_scores(matrix);
  CHECK(scores[2].precision == close(0.75));
  CHECK(scores[2].recall == close(0.6));
  CHECK(scores[2].f1 == close(2.0 / 3));
  CHECK(scores[2].specificity == close(6.0 / 7));
  CHECK(scores[2].support == 5);
  CHECK(scores[0].f1 == close(0.5714285714285714));
  CHECK(scores[0].recall_interval.low == close(wilson_interval(2, 3).low));

  CHECK(macro_average(scores).precision == close(0.5833333333333334));
  CHECK(macro_average(scores).recall == close(0.5888888888888889));
  CHECK(macro_average(scores).f1 == close(0.5793650793650794));
  CHECK(weighted_average(scores).precision == close(0.6041666666666666));
  CHECK(weighted_average(scores).recall == close(0.5833333333333334));
  CHECK(weighted_average(scores).f1 == close(0.5873015873015873));
}

TEST_CASE("A class without samples or predictions counts as 0 in averages, not in balanced accuracy", "[metrics]") {
  const ConfusionMatrix matrix =
      confusion_matrix(std::vector<int>{0, 0, 1, 1}, std::vector<int>{0, 1, 1, 1}, 3);
  const std::vector<ClassScores> scores = all_scores(matrix);
  CHECK(scores[2].precision == 0.0);
  CHECK(scores[2].recall == 0.0);
  CHECK(scores[2].f1 == 0.0);
  CHECK(scores[2].specificity == 1.0);
  CHECK(macro_average(scores).precision == Approx(0.5555555555555555).margin(1e-12));
  CHECK(macro_average(scores).f1 == Approx(0.48888888888888893).margin(1e-12));
  CHECK(weighted_average(scores).f1 == Approx(0.7333333333333334).margin(1e-12));
  CHECK(balanced_accuracy(matrix) == Approx(0.75));
}

TEST_CASE("Matthews's correlation is 0 where labels or predictions are all of one class", "[metrics]") {
  CHECK(matthews_correlation(confusion_matrix(std::vector<int>{0, 0, 1}, std::vector<int>{0, 0, 0}, 2)) == 0.0);
  CHECK(matthews_correlation(confusion_matrix(std::vector<int>{0, 0}, std::vector<int>{0, 1}, 2)) == 0.0);
  CHECK(matthews_correlation(confusion_matrix(std::vector<int>{0, 1}, std::vector<int>{1, 0}, 2)) == Approx(-1.0));
}

TEST_CASE("An empty matrix scores 0 and the first of equal classes is the majority", "[metrics]") {
  const ConfusionMatrix empty(2);
  CHECK(accuracy(empty) == 0.0);
  CHECK(majority_accuracy(empty) == 0.0);
  CHECK(majority_class(empty) == 0);
  CHECK(balanced_accuracy(empty) == 0.0);
  CHECK(matthews_correlation(empty) == 0.0);
  CHECK(weighted_average(all_scores(empty)).f1 == 0.0);
}
