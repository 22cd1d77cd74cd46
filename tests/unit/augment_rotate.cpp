#include <cxrnet/augment/rotate.hpp>

#include "catch.hpp"

#include <algorithm>

using namespace cxrnet;

TEST_CASE("Rotate draws up to its angle either way and composes a rotation", "[augment]") {
  double lowest = 0.0;
  double highest = 0.0;
  for (std::uint32_t sample = 0; sample < 500; ++sample) {
    RandomStream random(1, RandomUse::transform, 0, sample);
    TransformParameters p;
    Rotate<20>::draw(random, {8, 8}, p);
    lowest = std::min(lowest, p.theta);
    highest = std::max(highest, p.theta);
  }
  CHECK((lowest >= -20.0 && lowest < -19.0));
  CHECK((highest < 20.0 && highest > 19.0));

  Geometry geometry;
  Rotate<20>::compose(geometry, {.theta = 90.0});
  CHECK(geometry.matrix.xx == Approx(0.0).margin(1e-15));
  CHECK(geometry.matrix.xy == Approx(-1.0));
  CHECK(geometry.matrix.yx == Approx(1.0));
  Rotate<20>::compose(geometry, {.theta = -90.0});
  CHECK(geometry.matrix.xx == Approx(1.0));
  CHECK(geometry.matrix.xy == Approx(0.0).margin(1e-15));

  Geometry untouched;
  Rotate<20>::compose(untouched, {});
  CHECK(untouched.matrix == Affine{});
}
