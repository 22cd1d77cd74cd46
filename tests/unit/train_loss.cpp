#include <cxrnet/train/loss.hpp>

#include "catch.hpp"

#include <array>
#include <limits>

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

TEST_CASE("The predicted class is the first of the largest", "[train_loss]") {
  CHECK(predicted_class(std::array{0.5F, 0.5F}) == 0);
  CHECK(predicted_class(std::array{0.1F, 0.5F, 0.4F}) == 1);
}
