#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/real.hpp>
#include <cxrnet/random/philox.hpp>

#include <cmath>

namespace cxrnet {

/// Shears by up to `Degrees` either way: ImageDataGenerator(shear_range=Degrees). Keras's unit is degrees, so that the
/// reference's 0.2 is hardly visible.
template <Real Degrees>
struct Shear {
  static_assert(Degrees.value() >= 0.0 && Degrees.value() < 90.0, "Shear<Degrees>: at least 0 and below 90");
  static constexpr KerasStage stage = KerasStage::shear;
  static constexpr void describe(KerasRanges& ranges) { ranges.shear = Degrees.value(); }

  static void draw(RandomStream& random, ImageSize, TransformParameters& p) {
    p.shear = random.uniform(-Degrees.value(), Degrees.value());
  }

  static void compose(Geometry& geometry, const TransformParameters& p) {
    if (p.shear == 0.0) return;
    const double angle = p.shear * radians_per_degree;
    geometry.matrix = geometry.matrix * Affine{1.0, -std::sin(angle), 0.0, 0.0, std::cos(angle), 0.0};
  }
};

}  // namespace cxrnet
