#include <cxrnet/train/loss.hpp>

#include "catch.hpp"
#include "message.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace cxrnet;

TEST_CASE("Cross-entropy is clipped as Keras clips it", "[train_loss]") {
  const CategoricalCrossentropy loss;
  CHECK(loss.value<double>(std::array{0.25, 0.75}, std::array{1.0F, 0.0F}) == Approx(std::log(4.0)).epsilon(1e-14));
  CHECK(loss.value<float>(std::array{0.0F, 1.0F}, std::array{1.0F, 0.0F}) == Approx(-std::log(1e-7)).epsilon(1e-12));
  CHECK(loss.value<double>(std::array{0.0, 1.0}, std::array{0.0F, 1.0F}) == Approx(-std::log(1 - 1e-7)).epsilon(1e-6));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(loss.value<float>(std::array{nan, 0.5F}, std::array{1.0F, 0.0F})));
}

TEST_CASE("The gradient of the logits is (p - y) / n", "[train_loss]") {
  std::array<double, 3> g{};
  CategoricalCrossentropy{}.gradient<double>(std::array{0.2, 0.5, 0.3}, std::array{0.0F, 1.0F, 0.0F}, 1, 4, g);
  CHECK(g[0] == Approx(0.05));
  CHECK(g[1] == Approx(-0.125));
  CHECK(g[2] == Approx(0.075));
}

static_assert(LossContract<CategoricalCrossentropy> && LossContract<BinaryCrossentropy>);

namespace {

/// Values of two samples and the gradient of sum(weight * loss) / 2, by one loss.
template <class Loss>
struct Of {
  Loss loss;
  std::vector<float> targets;
  std::size_t width = targets.size() / 2;

  [[nodiscard]] double value(const std::vector<double>& probabilities, std::size_t sample) const {
    return loss.value(row<double>(probabilities, sample), row<float>(targets, sample));
  }
  [[nodiscard]] std::vector<double> gradient(const std::vector<double>& probabilities) const {
    const std::array weights{2.0, 0.5};
    std::vector<double> result(targets.size());
    for (std::size_t i = 0; i < 2; ++i) {
      loss.gradient(row<double>(probabilities, i), row<float>(targets, i), weights[i], 2,
                    std::span(result).subspan(i * width, width));
    }
    return result;
  }
  template <class T>
  std::span<const T> row(const std::vector<T>& values, std::size_t i) const {
    return std::span(values).subspan(i * width, width);
  }
};

void check_near(const std::vector<double>& mine, const std::vector<double>& keras) {
  REQUIRE(mine.size() == keras.size());
  for (std::size_t i = 0; i < mine.size(); ++i) CHECK(mine[i] == Approx(keras[i]).epsilon(2e-6));
}

}  // namespace

// Keras 3.15.1: keras.losses.categorical_crossentropy and binary_crossentropy of these probabilities. Gradients: of the
// losses' objects with sample_weight [2, 0.5], by the logits, on JAX.
TEST_CASE("Categorical cross-entropy is Keras's, smoothed labels and weights included", "[train_loss]") {
  const std::vector<float> targets{0, 1, 0, 1, 0, 0};
  const std::vector<double> p{0.2, 0.5, 0.3, 0.7, 0.2, 0.1};
  const Of<CategoricalCrossentropy> plain{{}, targets};
  const Of<CategoricalCrossentropy> smooth{{.label_smoothing = 0.1}, targets};
  check_near({plain.value(p, 0), plain.value(p, 1)}, {0.6931471805599453, 0.3566749439387323});
  check_near({smooth.value(p, 0), smooth.value(p, 1)}, {0.7407177257479501, 0.4632973811904217});
  check_near(smooth.gradient({0.1482254628842221, 0.040396151173133533, 0.8113783859426444, 0.7228907207112739,
                              0.1970107042830931, 0.08009857500563294}),
             {0.11489212955088877, -0.8929371821602, 0.7780450526093112, -0.052610653155514844, 0.04091934273743995,
              0.011691310418074901});
}

TEST_CASE("Binary cross-entropy is Keras's, smoothed labels and weights included", "[train_loss]") {
  const std::vector<float> targets{1, 0, 1, 0, 0, 1};
  const std::vector<double> p{0.9, 0.2, 0.4, 0.0, 1.0, 0.75};
  const Of<BinaryCrossentropy> plain{{}, targets};
  const Of<BinaryCrossentropy> smooth{{.label_smoothing = 0.1}, targets};
  check_near({plain.value(p, 0), plain.value(p, 1)}, {0.41493162512779236, 5.468592643737793});
  check_near({smooth.value(p, 0), smooth.value(p, 1)}, {0.4678991734981537, 5.486903190612793});
  check_near(smooth.gradient({0.574442516811659, 0.2689414213699951, 0.8807970779778823, 0.8175744761936437,
                              0.549833997312478, 0.3318122278318339}),
             {-0.12518583146027543, 0.07298047596498597, -0.023067641361508517, 0.06396454158909547,
              0.04165283435072432, -0.05151564921596646});
}

TEST_CASE("A multi-label sample is right by the share of its outputs", "[train_loss]") {
  // As keras.metrics.binary_accuracy says of the samples above.
  const auto correct = [](std::vector<float> p, std::vector<float> y) {
    return BinaryCrossentropy::correct<float>(p, y);
  };
  CHECK(correct({0.9F, 0.2F, 0.4F}, {1, 0, 1}) == Approx(2.0 / 3));
  CHECK(correct({0, 1, 0.75F}, {0, 0, 1}) == Approx(2.0 / 3));
  CHECK(correct({0.9F, 0.2F, 0.4F}, {0, 0, 1}) == Approx(1.0 / 3));
  CHECK(correct({0.5F}, {1}) == 0);  // 0.5 is not above 0.5
  CHECK(CategoricalCrossentropy::correct<float>(std::array{0.2F, 0.8F}, std::array{0.0F, 1.0F}) == 1);
  CHECK(CategoricalCrossentropy::correct<float>(std::array{0.6F, 0.4F}, std::array{0.3F, 0.7F}) == 0);
}

TEST_CASE("Labels are smoothed by a share", "[train_loss]") {
  for (const double share : {0.0, 0.5, 1.0}) CHECK_NOTHROW(BinaryCrossentropy{.label_smoothing = share}.check());
  for (const double share : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(BinaryCrossentropy{.label_smoothing = share}.check(), ArgumentError);
    CHECK_THROWS_AS(CategoricalCrossentropy{.label_smoothing = share}.check(), ArgumentError);
  }
}

TEST_CASE("A score sums losses by weight and counts samples without", "[train_loss]") {
  const std::vector<float> p{0.75F, 0.25F, 0.5F, 0.5F, 0.25F, 0.75F};
  const std::vector<float> y{1, 0, 0, 1, 0, 1};
  const StepResult plain = score<float>(CategoricalCrossentropy{}, 3, p, y);
  CHECK(plain.loss_sum == Approx(-2 * std::log(0.75) - std::log(0.5)));
  CHECK(plain.correct == 2);
  const StepResult weighted = score<float>(CategoricalCrossentropy{}, 3, p, y, std::vector<float>{2, 0, 0.5F});
  CHECK(weighted.loss_sum == Approx(-2.5 * std::log(0.75)));
  CHECK(weighted.correct == 2);
  CHECK(score<float>(CategoricalCrossentropy{}, 0, {}, {}).loss_sum == 0);
}

TEST_CASE("Labels become targets", "[train_loss]") {
  const auto targets = [](std::vector<int> labels, std::size_t size) {
    std::vector<float> result(size, 7);
    one_hot(labels, result);
    return result;
  };
  CHECK(targets({2, 0}, 6) == std::vector<float>{0, 0, 1, 1, 0, 0});
  CHECK(targets({1, 0, 1}, 3) == std::vector<float>{1, 0, 1});  // one output: the label itself
  CHECK(targets({}, 0).empty());
  using test::message_of;
  CHECK(message_of([&] { targets({0, 3}, 6); }) == "The label 3 is none of the network's 3 classes.");
  CHECK(message_of([&] { targets({-1}, 3); }) == "The label -1 is none of the network's 3 classes.");
  CHECK(message_of([&] { targets({2}, 1); }) == "The label 2 is none of the network's 2 classes.");
  CHECK_THROWS_AS(targets({0, 1}, 5), ArgumentError);
  CHECK_THROWS_AS(targets({}, 5), ArgumentError);
}

TEST_CASE("The predicted class is the first of the largest", "[train_loss]") {
  CHECK(predicted_class(std::array{0.5F, 0.5F}) == 0);
  CHECK(predicted_class(std::array{0.1F, 0.5F, 0.4F}) == 1);
}
