#pragma once
#include <cstddef>

namespace cxrnet {

/// Logical shape of one sample: rank 3 is height x width x channels (NHWC without N), rank 1 a vector of `channels`.
struct Dims {
  int rank = 0;
  int height = 1;
  int width = 1;
  int channels = 0;

  /// Elements of one sample.
  [[nodiscard]] constexpr std::size_t size() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
  [[nodiscard]] constexpr bool is_image() const { return rank == 3; }
  [[nodiscard]] constexpr bool is_vector() const { return rank == 1; }
  friend constexpr bool operator==(const Dims&, const Dims&) = default;
};

/// The dims of an image or feature map.
constexpr Dims image_dims(int height, int width, int channels) { return {3, height, width, channels}; }
/// The dims of a vector.
constexpr Dims vector_dims(int size) { return {1, 1, 1, size}; }

/// A rank-3 shape as a type: what error messages carry.
template <int Height, int Width, int Channels>
struct Shape {
  static constexpr Dims dims = image_dims(Height, Width, Channels);
};

/// A rank-1 shape as a type.
template <int Size>
struct Vector {
  static constexpr Dims dims = vector_dims(Size);
};

/// What a layer can expect when it does not ask for one exact shape.
struct AnyImage {};
template <int Height, int Width>
struct ImageOfAtLeast {};
struct AnyVector {};
struct AnyShape {};
struct Nothing {};

}  // namespace cxrnet
