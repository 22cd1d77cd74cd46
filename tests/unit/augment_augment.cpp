#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/core/preprocess.hpp>

#include "catch.hpp"

#include <cmath>
#include <vector>

using namespace cxrnet;

namespace {

/// A user's own transform: shows the image from twice as far, or not.
struct StepBack {
  static void draw(RandomStream& random, ImageSize, TransformParameters& p) { p.own[0] = random.uniform() < 0.5 ? 2.0 : 1.0; }
  static void compose(Geometry& geometry, const TransformParameters& p) {
    geometry.matrix = geometry.matrix * Affine{p.own[0], 0.0, 0.0, 0.0, p.own[0], 0.0};
  }
};

template <class Augmentation>
std::vector<TransformParameters> draws(std::uint32_t count) {
  std::vector<TransformParameters> result;
  for (std::uint32_t sample = 0; sample < count; ++sample) {
    RandomStream random(5, RandomUse::transform, 0, sample);
    result.push_back(Augmentation::draw(random, {100, 200}));
  }
  return result;
}

}  // namespace

TEST_CASE("the reference's list draws from the reference's ranges", "[augment]") {
  double theta = 0.0;
  double tx = 0.0;
  double ty = 0.0;
  double shear = 0.0;
  double low = 2.0;
  double high = 0.0;
  int flips = 0;
  double sum = 0.0;
  const auto all = draws<ReferenceAugment>(4000);
  for (const auto& p : all) {
    theta = std::max(theta, std::abs(p.theta));
    tx = std::max(tx, std::abs(p.tx));
    ty = std::max(ty, std::abs(p.ty));
    shear = std::max(shear, std::abs(p.shear));
    low = std::min({low, p.zx, p.zy});
    high = std::max({high, p.zx, p.zy});
    flips += p.flip_horizontal ? 1 : 0;
    sum += p.theta;
    REQUIRE_FALSE(p.flip_vertical);
  }
  CHECK((theta > 19.9 && theta <= 20.0));
  CHECK((tx > 19.9 && tx <= 20.0));
  CHECK((ty > 39.8 && ty <= 40.0));
  CHECK((shear > 0.199 && shear <= 0.2));
  CHECK((low >= 0.8 && low < 0.801));
  CHECK((high <= 1.2 && high > 1.199));
  CHECK((flips > 1850 && flips < 2150));
  CHECK(std::abs(sum / 4000.0) < 1.0);
}

TEST_CASE("what a list is to Keras", "[augment]") {
  constexpr auto ranges = ReferenceAugment::keras();
  STATIC_REQUIRE(ranges.has_value());
  STATIC_REQUIRE(ranges->rotation == 20.0);
  STATIC_REQUIRE(ranges->height_shift == 0.2);
  STATIC_REQUIRE(ranges->shear == 0.2);
  STATIC_REQUIRE(ranges->horizontal == Mirror::yes);
  STATIC_REQUIRE(ranges->vertical == Mirror::no);
  STATIC_REQUIRE(NoAugment::keras().has_value());
  STATIC_REQUIRE_FALSE(Augment<Zoom<0.2>, Rotate<20>>::keras().has_value());
  STATIC_REQUIRE_FALSE(Augment<Rotate<20>, StepBack>::keras().has_value());
}

TEST_CASE("maps are multiplied in the order listed", "[augment]") {
  const TransformParameters p{.theta = 90.0, .tx = 5.0};
  const auto rotate_first = Augment<Rotate<90>, Shift<0.5, 0.5>>::geometry(p).matrix;
  const auto shift_first = Augment<Shift<0.5, 0.5>, Rotate<90>>::geometry(p).matrix;
  CHECK(rotate_first.x0 == Approx(0.0).margin(1e-12));
  CHECK(rotate_first.y0 == Approx(5.0));
  CHECK(shift_first.x0 == Approx(5.0));
  CHECK(shift_first.y0 == Approx(0.0).margin(1e-12));
}

TEST_CASE("a transform of one's own", "[augment]") {
  using Mine = Augment<FlipHorizontal, StepBack>;
  int steps = 0;
  for (const auto& p : draws<Mine>(200)) {
    REQUIRE((p.own[0] == 1.0 || p.own[0] == 2.0));
    steps += p.own[0] == 2.0 ? 1 : 0;
  }
  CHECK((steps > 60 && steps < 140));

  // Five pixels 0, 10, .., 40 about the middle one, from twice as far.
  std::vector<std::uint8_t> rgb;
  for (int x = 0; x < 5; ++x) rgb.insert(rgb.end(), 3, static_cast<std::uint8_t>(10 * x));
  std::vector<std::uint8_t> square;
  for (int y = 0; y < 5; ++y) square.insert(square.end(), rgb.begin(), rgb.end());
  TransformParameters p;
  p.own[0] = 2.0;
  std::vector<float> out(75);
  const PrepareFunction function = &prepare<Mine, AsGiven>;
  function(square.data(), 5, 5, p, out.data());
  CHECK(std::vector<float>(out.begin() + 30, out.begin() + 45) ==
        std::vector<float>{0, 0, 0, 0, 0, 0, 20, 20, 20, 40, 40, 40, 40, 40, 40});
}
