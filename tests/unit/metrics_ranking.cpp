#include <cxrnet/metrics/ranking.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

namespace {

const std::vector<int> tied_labels{0, 1, 1, 0, 1, 0, 1, 0};
const std::vector<double> tied_scores{.1, .4, .4, .4, .8, .2, .2, .8};

}  // namespace

TEST_CASE("Ties count one half in ROC AUC and share a threshold in average precision", "[metrics]") {
  CHECK(roc_auc(tied_labels, tied_scores).value() == Approx(0.625).margin(1e-12));
  CHECK(average_precision(tied_labels, tied_scores).value() == Approx(0.5678571428571428).margin(1e-12));
  const std::vector<double> constant(8, 0.5);
  CHECK(roc_auc(tied_labels, constant).value() == Approx(0.5));
  CHECK(average_precision(tied_labels, constant).value() == Approx(0.5));
}

TEST_CASE("ROC AUC is the share of pairs in order", "[metrics]") {
  std::mt19937 random(5);
  std::vector<int> labels;
  std::vector<double> scores;
  for (int i = 0; i < 300; ++i) {
    labels.push_back(static_cast<int>(random() % 3));
    scores.push_back(static_cast<double>(random() % 40) / 40 + 0.1 * labels.back());
  }
  double in_order = 0.0;
  double pairs = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    for (std::size_t j = 0; j < labels.size(); ++j)
      if (labels[i] == 2 && labels[j] != 2) {
        in_order += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
        pairs += 1.0;
      }
  CHECK(roc_auc(labels, scores, 2).value() == Approx(in_order / pairs).margin(1e-12));
}

TEST_CASE("Ranking metrics are undefined where a side is missing", "[metrics]") {
  const std::vector<int> ones{1, 1};
  const std::vector<int> zeros{0, 0};
  const std::vector<double> scores{0.2, 0.9};
  CHECK_FALSE(roc_auc(ones, scores).has_value());
  CHECK_FALSE(roc_auc(zeros, scores).has_value());
  CHECK_FALSE(average_precision(zeros, scores).has_value());
  CHECK(average_precision(ones, scores).value() == 1.0);
  CHECK_FALSE(roc_auc({}, {}).has_value());
  CHECK_FALSE(average_precision({}, {}).has_value());
  CHECK_FALSE(delong_interval(ones, scores).has_value());
}

TEST_CASE("DeLong's interval is that of its definition by all pairs", "[metrics]") {
  const Interval interval = delong_interval(tied_labels, tied_scores).value();
  CHECK(interval.low == Approx(0.1890273159563074).margin(1e-12));
  CHECK(interval.high == 1.0);  // 1.061 cut
}

TEST_CASE("DeLong's interval claims nothing of perfect separation or single samples", "[metrics]") {
  const std::vector<int> labels{0, 0, 1, 1};
  CHECK(roc_auc(labels, std::vector<double>{.1, .2, .8, .9}).value() == 1.0);
  CHECK_FALSE(delong_interval(labels, std::vector<double>{.1, .2, .8, .9}).has_value());
  CHECK_FALSE(delong_interval(std::vector<int>{0, 0, 1}, std::vector<double>{.1, .9, .8}).has_value());
}

TEST_CASE("Ranking metrics refuse NaN, infinity and lists that do not match", "[metrics]") {
  const std::vector<int> labels{0, 1};
  CHECK_THROWS_AS(roc_auc(labels, std::vector<double>{0.5, std::nan("")}), ArgumentError);
  CHECK_THROWS_AS(average_precision(labels, std::vector<double>{std::numeric_limits<double>::infinity(), 0}),
                  ArgumentError);
  CHECK_THROWS_AS(delong_interval(labels, std::vector<double>{0.5}), ArgumentError);
}
