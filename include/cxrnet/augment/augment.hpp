#pragma once
#include <cxrnet/augment/flip.hpp>
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/augment/rotate.hpp>
#include <cxrnet/augment/shear.hpp>
#include <cxrnet/augment/shift.hpp>
#include <cxrnet/augment/zoom.hpp>
#include <cxrnet/random/philox.hpp>

#include <optional>
#include <type_traits>

namespace cxrnet {

/// What a transform is, a user's own too: `draw` fills in parameters of its own, `compose` multiplies its map onto
/// `geometry.matrix` from the right (or sets a mirror). Both are pure: the image follows from (seed, epoch, sample).
template <class T>
concept Transform = requires(RandomStream& random, ImageSize size, TransformParameters& p, Geometry& geometry) {
  T::draw(random, size, p);
  T::compose(geometry, static_cast<const TransformParameters&>(p));
};

/// A transform that Keras's ImageDataGenerator has.
template <class T>
concept KerasTransform = Transform<T> && requires(KerasRanges& ranges) {
  T::describe(ranges);
  requires std::is_same_v<std::remove_cv_t<decltype(T::stage)>, KerasStage>;
};

/// A list of random transforms. They draw, and their maps are multiplied, in the order listed: the reference's order
/// is Keras's. The whole list becomes one map, so that an image is sampled once.
template <class... Transforms>
struct Augment {
  static_assert((Transform<Transforms> && ...),
                "Augment<...>: every member needs draw(RandomStream&, ImageSize, TransformParameters&) and "
                "compose(Geometry&, const TransformParameters&), see docs/augmentation.md");

  static TransformParameters draw([[maybe_unused]] RandomStream& random, [[maybe_unused]] ImageSize size) {
    TransformParameters p;
    (Transforms::draw(random, size, p), ...);
    return p;
  }

  static Geometry geometry(const TransformParameters& p) {
    Geometry result;
    (Transforms::compose(result, p), ...);
    return result;
  }

  /// The generator of Keras that this list is; nothing where a member is not Keras's or the order is another.
  static constexpr std::optional<KerasRanges> keras() {
    if constexpr ((KerasTransform<Transforms> && ...)) {
      int last = -1;
      const auto follows = [&](KerasStage stage) {
        const bool later = static_cast<int>(stage) > last;
        last = static_cast<int>(stage);
        return later;
      };
      if (!(follows(Transforms::stage) && ...)) return std::nullopt;
      KerasRanges ranges;
      (Transforms::describe(ranges), ...);
      return ranges;
    } else {
      return std::nullopt;
    }
  }

 private:
  /// Two members that write the same parameters would each act with the other's.
  static constexpr bool repeats() {
    int seen[6] = {};
    bool result = false;
    [[maybe_unused]] const auto count = [&]<class T>(std::type_identity<T>) {
      if constexpr (KerasTransform<T>) result = ++seen[static_cast<int>(T::stage)] > 1 || result;
    };
    (count(std::type_identity<Transforms>{}), ...);
    return result;
  }
  static_assert(!repeats(), "Augment<...>: each kind of transform may be listed once");
};

/// Nothing random: what validation and test images get.
using NoAugment = Augment<>;

/// The reference's training transforms: rotation 20 degrees, shifts 0.2, shear 0.2, zoom 0.2, horizontal flip.
using ReferenceAugment = Augment<Rotate<20>, Shift<0.2, 0.2>, Shear<0.2>, Zoom<0.2>, FlipHorizontal>;

/// The part of an `Augment<...>` that draws, without its type.
struct Draws {
  TransformParameters (*draw)(RandomStream&, ImageSize);
  std::optional<KerasRanges> keras;
};

/// A list's drawing part: what a Schedule takes.
template <class Augmentation>
inline constexpr Draws draws_of{&Augmentation::draw, Augmentation::keras()};

}  // namespace cxrnet
