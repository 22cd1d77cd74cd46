#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/real.hpp>
#include <cxrnet/random/philox.hpp>

namespace cxrnet {

/// Shifts by up to these fractions of height and width, either way:
/// ImageDataGenerator(height_shift_range=Height, width_shift_range=Width).
template <Real Height, Real Width>
struct Shift {
  static_assert(Height.value() >= 0.0 && Height.value() < 1.0 && Width.value() >= 0.0 && Width.value() < 1.0,
                "Shift<Height, Width>: fractions of the image, at least 0 and below 1");
  static constexpr KerasStage stage = KerasStage::shift;
  static constexpr void describe(KerasRanges& ranges) {
    ranges.height_shift = Height.value();
    ranges.width_shift = Width.value();
  }

  static void draw(RandomStream& random, ImageSize size, TransformParameters& p) {
    p.tx = random.uniform(-Height.value(), Height.value()) * size.height;
    p.ty = random.uniform(-Width.value(), Width.value()) * size.width;
  }

  static void compose(Geometry& geometry, const TransformParameters& p) {
    geometry.matrix = geometry.matrix * Affine{1.0, 0.0, p.tx, 0.0, 1.0, p.ty};
  }
};

}  // namespace cxrnet
