#include <cxrnet/augment/shear.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cmath>

using namespace cxrnet;

TEST_CASE("Shear draws degrees either way and composes Keras's shear", "[augment]") {
  double largest = 0.0;
  for (std::uint32_t sample = 0; sample < 500; ++sample) {
    RandomStream random(1, RandomUse::transform, 0, sample);
    TransformParameters p;
    Shear<0.2>::draw(random, {8, 8}, p);
    largest = std::max(largest, std::abs(p.shear));
  }
  CHECK((largest > 0.198 && largest <= 0.2));

  Geometry geometry;
  Shear<0.2>::compose(geometry, {.shear = 30.0});
  CHECK(geometry.matrix.xx == 1.0);
  CHECK(geometry.matrix.xy == Approx(-0.5));
  CHECK(geometry.matrix.yx == 0.0);
  CHECK(geometry.matrix.yy == Approx(std::sqrt(0.75)));
}
