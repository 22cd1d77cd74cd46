#include <cxrnet/metrics/predicted_class.hpp>

#include "catch.hpp"

#include <array>
#include <span>
#include <vector>

using namespace cxrnet;

TEST_CASE("The predicted class is the most probable, the first of equals", "[metrics_predicted_class]") {
  static_assert(predicted_class(std::array{0.1, 0.2, 0.7}) == 2);
  CHECK(predicted_class(std::vector<float>{0.6F, 0.4F}) == 0);
  CHECK(predicted_class(std::vector<float>{0.4F, 0.6F}) == 1);
  CHECK(predicted_class(std::vector<float>{0.5F, 0.5F}) == 0);
  CHECK(predicted_class(std::array{0.2, 0.4, 0.4}) == 1);
  CHECK(predicted_class(std::array{-3.0, -1.0, -2.0}) == 1);
  CHECK(predicted_class(std::array{1.0}) == 0);
}

TEST_CASE("A predicted class counts from the sample's own start", "[metrics_predicted_class]") {
  const std::vector<float> batch{0.9F, 0.1F, 0.2F, 0.8F};
  CHECK(predicted_class(std::span(batch).subspan(0, 2)) == 0);
  CHECK(predicted_class(std::span(batch).subspan(2, 2)) == 1);
}
