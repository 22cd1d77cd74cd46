#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/augment/sample.hpp>
#include <cxrnet/core/preprocess.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cxrnet {

/// From decoded bytes (height x width x 3) to the network's input (as many floats, or bytes for a network in Int8): what
/// `prepare<...>` and `prepare_bytes<...>` are without their types. Thread-safe.
using PrepareFunction = void (*)(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                                 float* prepared);
using PrepareBytesFunction = void (*)(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                                      std::uint8_t* prepared);

/// For a backend that samples and preprocesses images itself, as `sample` does: the map from a result's coordinates to the
/// decoded image's.
using SamplingMapFunction = Affine (*)(const TransformParameters& transform, int height, int width);

/// One of the three.
struct Preparation {
  PrepareFunction floats = nullptr;
  PrepareBytesFunction bytes = nullptr;
  SamplingMapFunction map = nullptr;

  Preparation(PrepareFunction to_floats) : floats(to_floats) {}      // NOLINT(google-explicit-constructor)
  Preparation(PrepareBytesFunction to_bytes) : bytes(to_bytes) {}    // NOLINT(google-explicit-constructor)
  Preparation(SamplingMapFunction sampling) : map(sampling) {}       // NOLINT(google-explicit-constructor)
  void operator()(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform, float* to) const {
    floats(rgb, height, width, transform, to);
  }
  void operator()(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                  std::uint8_t* to) const {
    bytes(rgb, height, width, transform, to);
  }
};

/// Prepared images, one behind the other: floats, or bytes; or decoded ones (RGB), each with the map by which the backend
/// samples it.
struct PreparedImages {
  std::span<const float> floats{};
  std::span<const std::uint8_t> bytes{};
  std::span<const Affine> maps{};

  PreparedImages() = default;
  PreparedImages(std::span<const float> images) : floats(images) {}            // NOLINT(google-explicit-constructor)
  PreparedImages(std::span<const std::uint8_t> images) : bytes(images) {}      // NOLINT(google-explicit-constructor)
  PreparedImages(const std::vector<float>& images) : floats(images) {}         // NOLINT(google-explicit-constructor)
  PreparedImages(const std::vector<std::uint8_t>& images) : bytes(images) {}   // NOLINT(google-explicit-constructor)
  PreparedImages(std::span<const std::uint8_t> decoded, std::span<const Affine> maps_) : bytes(decoded), maps(maps_) {}
  /// Numbers of all images.
  [[nodiscard]] std::size_t size() const { return floats.size() + bytes.size(); }
};

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

/// Augmentation and mirroring alone, to the nearest byte, RGB: what a network in Int8 reads.
template <class Augmentation>
void prepare_bytes(const std::uint8_t* rgb, int height, int width, const TransformParameters& transform,
                   std::uint8_t* prepared) {
  sample({rgb, height, width}, sampling_map(Augmentation::geometry(transform), height, width),
         channel_maps_of<AsGiven, 3>, prepared);
}

/// The map alone.
template <class Augmentation>
Affine prepare_map(const TransformParameters& transform, int height, int width) {
  return sampling_map(Augmentation::geometry(transform), height, width);
}

}  // namespace cxrnet
