#include <cxrnet/core/initialise.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

#include <cmath>

using namespace cxrnet;

namespace {
std::vector<double> draw(const Parameter& parameter, std::uint64_t seed, int index) {
  std::vector<double> values(parameter.size(), 77.0);
  initialise<double>(parameter, seed, index, values);
  return values;
}
}  // namespace

TEST_CASE("Glorot's values fill their interval evenly", "[core_initialise]") {
  const auto values = draw(convolution_kernel(3, 3, 16, 32), 5, 0);
  const double limit = std::sqrt(6.0 / (9 * 16 + 9 * 32));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  CHECK(*low >= -limit);
  CHECK(*low < -0.99 * limit);
  CHECK(*high <= limit);
  CHECK(*high > 0.99 * limit);
  double squares = 0;
  for (const double value : values) squares += value * value;
  CHECK(squares / static_cast<double>(values.size()) == Approx(limit * limit / 3).epsilon(0.05));
}

TEST_CASE("Initial values are a function of seed and index alone", "[core_initialise]") {
  const Parameter kernel = dense_kernel(6, 4);
  CHECK(draw(kernel, 5, 2) == draw(kernel, 5, 2));
  CHECK(draw(kernel, 5, 2) != draw(kernel, 6, 2));
  CHECK(draw(kernel, 5, 2) != draw(kernel, 5, 3));
  CHECK(draw(bias_vector(2), 5, 0) == std::vector{0.0, 0.0});
  CHECK(draw({"scale", 1, {2, 1, 1, 1}, Init::ones}, 5, 0) == std::vector{1.0, 1.0});
  const auto all = initial_parameters<Seq<Input<1, 2, 3>, Flatten, Dense<2>, Dense<4>>, double>(5);
  const auto second = draw(dense_kernel(2, 4), 5, 2);
  REQUIRE(all.size() == 26);
  CHECK(std::equal(second.begin(), second.end(), all.begin() + 14));
  CHECK(std::vector(all.end() - 4, all.end()) == std::vector(4, 0.0));
}
