#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/augment/sample.hpp>
#include <cxrnet/core/preprocess.hpp>

#include <cstdint>

namespace cxrnet {

/// From decoded bytes (height x width x 3) to the network's input (as many floats): what `prepare<...>` is without
/// its types. Thread-safe.
using PrepareFunction = void (*)(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                                 float* prepared);

/// The map from a result's coordinates to the image's. The matrix acts about the centre in Keras's way: x is the column
/// and y the row, but the centre of x is taken from the height and that of y from the width, which matters where an image
/// is not square.
inline Affine sampling_map(const Geometry& geometry, int height, int width) {
  Affine map;
  if (geometry.matrix != map) {
    const double x = height / 2.0 - 0.5;
    const double y = width / 2.0 - 0.5;
    map = Affine{1.0, 0.0, x, 0.0, 1.0, y} * geometry.matrix * Affine{1.0, 0.0, -x, 0.0, 1.0, -y};
  }
  if (geometry.columns == Mirror::yes) map = map * Affine{-1.0, 0.0, width - 1.0, 0.0, 1.0, 0.0};
  if (geometry.rows == Mirror::yes) map = map * Affine{1.0, 0.0, 0.0, 0.0, -1.0, height - 1.0};
  return map;
}

/// Augmentation, mirroring and preprocessing in one pass: `rgb` is height x width x 3 bytes, `prepared` as many floats
/// in the order of `Preprocess`. height x width is at most max_image_pixels. As Keras's apply_transform, then rescale.
template <class Augmentation, class Preprocess>
void prepare(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform, float* prepared) {
  sample({rgb, height, width}, sampling_map(Augmentation::geometry(transform), height, width),
         channel_maps_of<Preprocess, 3>, prepared);
}

}  // namespace cxrnet
