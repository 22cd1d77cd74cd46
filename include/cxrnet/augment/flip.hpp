#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/random/philox.hpp>

namespace cxrnet {

/// Mirrors left and right, every other image: ImageDataGenerator(horizontal_flip=True). Flips act on the result of all
/// other transforms, wherever they are listed.
struct FlipHorizontal {
  static constexpr KerasStage stage = KerasStage::flip_horizontal;
  static constexpr void describe(KerasRanges& ranges) { ranges.horizontal = Mirror::yes; }

  static void draw(RandomStream& random, ImageSize, TransformParameters& p) {
    p.flip_horizontal = random.uniform() < 0.5;
  }
  static void compose(Geometry& geometry, const TransformParameters& p) {
    if (p.flip_horizontal) geometry.columns = Mirror::yes;
  }
};

/// Mirrors top and bottom, every other image: ImageDataGenerator(vertical_flip=True).
struct FlipVertical {
  static constexpr KerasStage stage = KerasStage::flip_vertical;
  static constexpr void describe(KerasRanges& ranges) { ranges.vertical = Mirror::yes; }

  static void draw(RandomStream& random, ImageSize, TransformParameters& p) { p.flip_vertical = random.uniform() < 0.5; }
  static void compose(Geometry& geometry, const TransformParameters& p) {
    if (p.flip_vertical) geometry.rows = Mirror::yes;
  }
};

}  // namespace cxrnet
