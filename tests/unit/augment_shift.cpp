#include <cxrnet/augment/shift.hpp>

#include "catch.hpp"

#include <cmath>

using namespace cxrnet;

TEST_CASE("Shift draws fractions of each side and composes a translation", "[augment]") {
  double rows = 0.0;
  double columns = 0.0;
  for (std::uint32_t sample = 0; sample < 500; ++sample) {
    RandomStream random(1, RandomUse::transform, 0, sample);
    TransformParameters p;
    Shift<0.1, 0.5>::draw(random, {100, 40}, p);
    rows = std::max(rows, std::abs(p.tx));
    columns = std::max(columns, std::abs(p.ty));
  }
  CHECK((rows > 9.9 && rows <= 10.0));
  CHECK((columns > 19.8 && columns <= 20.0));

  Geometry geometry;
  Shift<0.1, 0.5>::compose(geometry, {.tx = 3.0, .ty = -4.0});
  CHECK(geometry.matrix == Affine{1.0, 0.0, 3.0, 0.0, 1.0, -4.0});
}
