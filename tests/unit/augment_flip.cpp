#include <cxrnet/augment/flip.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("flips draw every other image, each its own way", "[augment]") {
  int across = 0;
  int down = 0;
  int both = 0;
  for (std::uint32_t sample = 0; sample < 4000; ++sample) {
    RandomStream random(1, RandomUse::transform, 0, sample);
    TransformParameters p;
    FlipHorizontal::draw(random, {8, 8}, p);
    FlipVertical::draw(random, {8, 8}, p);
    across += p.flip_horizontal ? 1 : 0;
    down += p.flip_vertical ? 1 : 0;
    both += p.flip_horizontal && p.flip_vertical ? 1 : 0;
  }
  CHECK((across > 1850 && across < 2150));
  CHECK((down > 1850 && down < 2150));
  CHECK((both > 850 && both < 1150));

  Geometry geometry;
  FlipVertical::compose(geometry, {.flip_horizontal = true});
  CHECK((geometry.columns == Mirror::no && geometry.rows == Mirror::no));
  FlipHorizontal::compose(geometry, {.flip_horizontal = true});
  CHECK((geometry.columns == Mirror::yes && geometry.rows == Mirror::no));
  FlipVertical::compose(geometry, {.flip_vertical = true});
  CHECK((geometry.columns == Mirror::yes && geometry.rows == Mirror::yes));
  CHECK(geometry.matrix == Affine{});
}
