#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/real.hpp>
#include <cxrnet/random/philox.hpp>

#include <cmath>

namespace cxrnet {

/// Rotates about the centre by up to `Degrees` either way: ImageDataGenerator(rotation_range=Degrees).
template <Real Degrees>
struct Rotate {
  static_assert(Degrees.value() >= 0.0 && Degrees.value() <= 180.0, "Rotate<Degrees>: between 0 and 180");
  static constexpr KerasStage stage = KerasStage::rotation;
  static constexpr void describe(KerasRanges& ranges) { ranges.rotation = Degrees.value(); }

  static void draw(RandomStream& random, ImageSize, TransformParameters& p) {
    p.theta = random.uniform(-Degrees.value(), Degrees.value());
  }

  static void compose(Geometry& geometry, const TransformParameters& p) {
    if (p.theta == 0.0) return;
    const double sine = std::sin(p.theta * radians_per_degree);
    const double cosine = std::cos(p.theta * radians_per_degree);
    geometry.matrix = geometry.matrix * Affine{cosine, -sine, 0.0, sine, cosine, 0.0};
  }
};

}  // namespace cxrnet
