#include <cxrnet/augment/geometry.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("the product of two maps acts as one after the other", "[augment]") {
  constexpr Affine a{1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
  constexpr Affine b{-1.0, 0.5, 2.0, 0.0, 3.0, -7.0};
  constexpr Affine product = a * b;
  const auto x = [](const Affine& map, double u, double v) { return map.xx * u + map.xy * v + map.x0; };
  const auto y = [](const Affine& map, double u, double v) { return map.yx * u + map.yy * v + map.y0; };
  CHECK(x(product, 2.0, -1.0) == Approx(x(a, x(b, 2.0, -1.0), y(b, 2.0, -1.0))));
  CHECK(y(product, 2.0, -1.0) == Approx(y(a, x(b, 2.0, -1.0), y(b, 2.0, -1.0))));
  CHECK(a * Affine{} == a);
  CHECK(Affine{} * a == a);
}
