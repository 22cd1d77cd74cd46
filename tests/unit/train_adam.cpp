#include <cxrnet/train/adam.hpp>

#include "catch.hpp"

#include <array>

using namespace cxrnet;

TEST_CASE("Adam's steps by hand", "[train_adam]") {
  const Adam adam;
  std::array<double, 2> p{1, -2};
  std::array<double, 4> state{};
  // Step 1: m = 0.1 g, v = 0.001 g^2, rate = lr sqrt(0.001) / 0.1: the sign of g times lr, but for epsilon.
  adam.step<double>({.step = 1, .learning_rate = 0.001}, p, std::array<double, 2>{0.5, -4.0}, state);
  CHECK(p[0] == Approx(1 - 0.001 * 0.5 / (0.5 + 1e-7 / std::sqrt(0.001))).epsilon(1e-14));
  CHECK(p[1] == Approx(-2 + 0.001 * 4.0 / (4.0 + 1e-7 / std::sqrt(0.001))).epsilon(1e-14));
  CHECK(state[0] == Approx(0.05));
  CHECK(state[1] == Approx(-0.4));
  CHECK(state[2] == Approx(0.00025));
  CHECK(state[3] == Approx(0.016));
  // Step 2.
  const double before = p[0];
  adam.step<double>({.step = 2, .learning_rate = 0.001}, p, std::array<double, 2>{-1.0, 0.0}, state);
  const double m = 0.9 * 0.05 - 0.1;
  const double v = 0.999 * 0.00025 + 0.001;
  const double rate = 0.001 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.81);
  CHECK(p[0] == Approx(before - rate * m / (std::sqrt(v) + 1e-7)).epsilon(1e-14));
}

TEST_CASE("Epsilon stands outside the root", "[train_adam]") {
  std::array<double, 1> p{0};
  std::array<double, 2> state{};
  Adam{}.step<double>({.step = 1, .learning_rate = 1}, p, std::array<double, 1>{1e-7}, state);
  // sqrt(v) = sqrt(0.001) 1e-7; inside the root, 1e-7 would dwarf it.
  CHECK(p[0] == Approx(-std::sqrt(0.001) / 0.1 * 1e-8 / (std::sqrt(0.001) * 1e-7 + 1e-7)).epsilon(1e-10));
  std::array<double, 1> still{3};
  std::array<double, 2> none{};
  Adam{}.step<double>({.step = 1, .learning_rate = 0.001}, still, std::array<double, 1>{0}, none);
  CHECK(still[0] == 3);
}
