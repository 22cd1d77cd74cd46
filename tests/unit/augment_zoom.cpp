#include <cxrnet/augment/zoom.hpp>

#include "catch.hpp"

#include <algorithm>

using namespace cxrnet;

TEST_CASE("Zoom draws a factor for each axis and composes a scaling", "[augment]") {
  double lowest = 2.0;
  double highest = 0.0;
  int unlike = 0;
  for (std::uint32_t sample = 0; sample < 500; ++sample) {
    RandomStream random(1, RandomUse::transform, 0, sample);
    TransformParameters p;
    Zoom<0.2>::draw(random, {8, 8}, p);
    lowest = std::min({lowest, p.zx, p.zy});
    highest = std::max({highest, p.zx, p.zy});
    unlike += p.zx != p.zy ? 1 : 0;
  }
  CHECK((lowest >= 0.8 && lowest < 0.802));
  CHECK((highest < 1.2 && highest > 1.198));
  CHECK(unlike == 500);

  Geometry geometry;
  Zoom<0.2>::compose(geometry, {.zx = 0.9, .zy = 1.1});
  CHECK(geometry.matrix == Affine{0.9, 0.0, 0.0, 0.0, 1.1, 0.0});
}
