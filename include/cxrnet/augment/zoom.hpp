#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/real.hpp>
#include <cxrnet/random/philox.hpp>

namespace cxrnet {

/// Scales each axis by its own factor in 1 - Range to 1 + Range: ImageDataGenerator(zoom_range=Range).
template <Real Range>
struct Zoom {
  static_assert(Range.value() >= 0.0 && Range.value() < 1.0, "Zoom<Range>: at least 0 and below 1");
  static constexpr KerasStage stage = KerasStage::zoom;
  static constexpr void describe(KerasRanges& ranges) { ranges.zoom = Range.value(); }

  static void draw(RandomStream& random, ImageSize, TransformParameters& p) {
    p.zx = random.uniform(1.0 - Range.value(), 1.0 + Range.value());
    p.zy = random.uniform(1.0 - Range.value(), 1.0 + Range.value());
  }

  static void compose(Geometry& geometry, const TransformParameters& p) {
    geometry.matrix = geometry.matrix * Affine{p.zx, 0.0, 0.0, 0.0, p.zy, 0.0};
  }
};

}  // namespace cxrnet
