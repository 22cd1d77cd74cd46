#pragma once
#include <array>

namespace cxrnet {

/// Height and width of the images that are augmented, in pixels.
struct ImageSize {
  int height;
  int width;
  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

/// What was drawn for one image, by Keras's names and units; the default changes nothing.
struct TransformParameters {
  double theta = 0.0;  ///< Rotation, degrees.
  double tx = 0.0;     ///< Shift, pixels: drawn from height_shift_range.
  double ty = 0.0;     ///< Shift, pixels: drawn from width_shift_range.
  double shear = 0.0;  ///< Degrees.
  double zx = 1.0;     ///< Zoom; above 1 shows more than the image.
  double zy = 1.0;
  bool flip_horizontal = false;
  bool flip_vertical = false;
  std::array<double, 4> own{};  ///< For transforms of a user's own.
};

/// The map (x, y) -> (xx x + xy y + x0, yx x + yy y + y0), from a result's coordinates to the source's.
struct Affine {
  double xx = 1.0;
  double xy = 0.0;
  double x0 = 0.0;
  double yx = 0.0;
  double yy = 1.0;
  double y0 = 0.0;

  friend constexpr bool operator==(const Affine&, const Affine&) = default;

  /// Matrix product: `b` acts first.
  friend constexpr Affine operator*(const Affine& a, const Affine& b) {
    return {a.xx * b.xx + a.xy * b.yx, a.xx * b.xy + a.xy * b.yy, a.xx * b.x0 + a.xy * b.y0 + a.x0,
            a.yx * b.xx + a.yy * b.yx, a.yx * b.xy + a.yy * b.yy, a.yx * b.x0 + a.yy * b.y0 + a.y0};
  }
};

enum class Mirror { no, yes };

/// What the transforms of a list add up to: a map about the image's centre, then mirroring of the result.
struct Geometry {
  Affine matrix;
  Mirror columns = Mirror::no;
  Mirror rows = Mirror::no;
};

inline constexpr double radians_per_degree = 0.017453292519943295;

/// Where Keras draws and composes a transform. One of a user's own has no such place.
enum class KerasStage { rotation, shift, shear, zoom, flip_horizontal, flip_vertical };

/// The ranges of Keras's ImageDataGenerator; zero is off, and then Keras draws nothing (but for flips).
struct KerasRanges {
  double rotation = 0.0;      ///< Degrees.
  double height_shift = 0.0;  ///< Fraction of the height.
  double width_shift = 0.0;   ///< Fraction of the width.
  double shear = 0.0;         ///< Degrees.
  double zoom = 0.0;          ///< 1 - zoom to 1 + zoom.
  Mirror horizontal = Mirror::no;
  Mirror vertical = Mirror::no;
};

}  // namespace cxrnet
