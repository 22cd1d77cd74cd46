#include <cxrnet/train/clip.hpp>

#include "catch.hpp"

#include <cmath>
#include <vector>

using namespace cxrnet;

namespace {

/// Two parameters that train, and between them one that is frozen and one that averages.
const std::vector<ParameterInfo> parameters = [] {
  std::vector<ParameterInfo> list(4);
  list[0].parameter = bias_vector(2);
  list[1].parameter = bias_vector(5);
  list[2].parameter = list[3].parameter = bias_vector(1);
  list[0].trains = list[3].trains = list[2].averages = true;
  list[2].gradient = 2;
  list[3].gradient = 3;
  return list;
}();

void check(Clip clip, const std::vector<double>& expected) {
  std::vector<double> gradients{3, -4, 100, 0.3};
  clip.apply(parameters, std::span(gradients));
  for (std::size_t i = 0; i < 4; ++i) CHECK(gradients[i] == Approx(expected[i]).epsilon(1e-14));
}

}  // namespace

// Keras 3.15.1: SGD(1, clipvalue=1) and so on, of the gradients [3, -4] and [0.3]. The 100 is a statistic.
TEST_CASE("Gradients are clipped as Keras clips them", "[train_clip]") {
  check({}, {3, -4, 100, 0.3});
  check({ClipBy::value, 1}, {1, -1, 100, 0.3});
  check({ClipBy::norm, 1}, {0.6, -0.8, 100, 0.3});
  check({ClipBy::norm, 2}, {1.2, -1.6, 100, 0.3});
  check({ClipBy::global_norm, 1}, {0.5989229072794673, -0.798563876372623, 100, 0.059892290727946725});
  check({ClipBy::global_norm, 100}, {3, -4, 100, 0.3});
}

TEST_CASE("A sum of squares is taken in double", "[train_clip]") {
  for (const std::size_t n : {0U, 1U, 7U, 8U, 9U, 1001U}) {
    CHECK(Clip::sum_of_squares<float>(std::vector<float>(n, 3)) == 9.0 * static_cast<double>(n));
  }
  CHECK(Clip::sum_of_squares<float>(std::vector{1e30F, 1.0F}) == Approx(1e60).epsilon(1e-6));  // no infinity
  std::vector<float> one(1U << 25, 1.0F);  // where a sum in float would stand still
  one.push_back(3);
  CHECK(Clip::sum_of_squares<float>(one) == double{1U << 25} + 9);
}
