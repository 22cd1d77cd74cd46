#include <cxrnet/metrics/probability.hpp>

#include <cmath>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Brier score and log loss are scikit-learn's", "[metrics]") {
  const std::vector<int> labels{0, 1, 1, 0, 1, 0, 1, 0};
  const std::vector<double> scores{.1, .4, .4, .4, .8, .2, .2, .8};
  CHECK(brier_score(labels, scores) == Approx(0.28125).margin(1e-12));
  CHECK(log_loss(labels, scores) == Approx(0.7642413163335934).margin(1e-12));
}

TEST_CASE("A certain and wrong probability costs a finite log loss", "[metrics]") {
  const std::vector<int> labels{1};
  CHECK(log_loss(labels, std::vector<double>{0.0}) == Approx(52 * std::log(2.0)));
  CHECK(log_loss(labels, std::vector<double>{1.0}) == Approx(0.0).margin(1e-15));
}

TEST_CASE("Probability metrics refuse what is not a probability, and nothing at all", "[metrics]") {
  const std::vector<int> labels{0};
  for (const double bad : {-0.1, 1.1, std::nan("")}) {
    CHECK_THROWS_AS(brier_score(labels, std::vector<double>{bad}), ArgumentError);
    CHECK_THROWS_AS(log_loss(labels, std::vector<double>{bad}), ArgumentError);
  }
  CHECK_THROWS_AS(brier_score({}, {}), ArgumentError);
  CHECK_THROWS_AS(log_loss(labels, std::vector<double>{0.1, 0.2}), ArgumentError);
}

TEST_CASE("Categorical cross-entropy is Keras's", "[metrics]") {
  // keras.losses.categorical_crossentropy of these four rows, float32: 0.356675, 1.19e-7, 16.118095, 1.3862944
  const std::vector<int> labels{0, 1, 2, 1};
  const std::vector<float> rows{.7F, .2F, .1F, 0, 1, 0, .5F, .5F, 0, .25F, .25F, .5F};
  CHECK(categorical_cross_entropy(labels, rows, 3) == Approx(4.465266227722168).margin(1e-6));
  std::vector<float> doubled = rows;
  for (float& p : doubled) p *= 2;
  CHECK(categorical_cross_entropy(labels, doubled, 3) == Approx(4.465266227722168).margin(1e-6));
}

TEST_CASE("Categorical cross-entropy refuses labels, shapes and rows that make no sense", "[metrics]") {
  const std::vector<float> rows{0.5F, 0.5F};
  CHECK_THROWS_AS(categorical_cross_entropy(std::vector<int>{2}, rows, 2), ArgumentError);
  CHECK_THROWS_AS(categorical_cross_entropy(std::vector<int>{-1}, rows, 2), ArgumentError);
  CHECK_THROWS_AS(categorical_cross_entropy(std::vector<int>{0, 1}, rows, 2), ArgumentError);
  CHECK_THROWS_AS(categorical_cross_entropy({}, {}, 2), ArgumentError);
  CHECK_THROWS_AS(categorical_cross_entropy(std::vector<int>{0}, std::vector<float>{0, 0}, 2), ArgumentError);
  CHECK_THROWS_AS(categorical_cross_entropy(std::vector<int>{0}, std::vector<float>{NAN, 1}, 2), ArgumentError);
}
