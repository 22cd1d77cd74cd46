#pragma once
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/simd/target.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

// Convolution 3x3 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015), with bias, ReLU and 2x2 max pooling
// done before anything is stored. Maps are blocked by 16 channels (oneDNN's nChw16c), their numbers multiples of 16.
namespace cxrnet::cpu {

/// Where a tile of 4x4 results begins.
struct TilePlace {
  std::ptrdiff_t image, y, x;
};

/// One convolution, stride 1 and "same" padding.
struct WinogradShape {
  static constexpr int panel = 32;  ///< output channels that are computed together
  static constexpr int tile = 4;

  int height = 0;
  int width = 0;
  int in = 0;   ///< channels
  int out = 0;
  bool relu = false;
  bool pool = false;  ///< 2x2, stride 2

  [[nodiscard]] constexpr std::ptrdiff_t tiles_across() const { return (width + tile - 1) / tile; }
  [[nodiscard]] constexpr std::ptrdiff_t tiles() const { return tiles_across() * ((height + tile - 1) / tile); }
  [[nodiscard]] constexpr int panels() const { return (out + panel - 1) / panel; }
  [[nodiscard]] constexpr std::size_t weights() const {
    return std::size_t{36} * static_cast<std::size_t>(in) * static_cast<std::size_t>(panels()) * panel;
  }
  [[nodiscard]] constexpr TilePlace place(std::ptrdiff_t t) const {
    const std::ptrdiff_t within = t % tiles();
    return {t / tiles(), within / tiles_across() * tile, within % tiles_across() * tile};
  }
};

/// The kernels for one instruction set.
struct WinogradKernels {
  void (*transform_weights)(const WinogradShape&, int panel, const float* hwio, float* packed);
  void (*transform_tiles)(const WinogradShape&, const float* x, std::ptrdiff_t first, std::ptrdiff_t count,
                          int first_block, int last_block, float* v);
  void (*multiply)(const WinogradShape&, std::ptrdiff_t count, const float* v, const float* u, float* m);
  void (*finish[2][2])(const WinogradShape&, int panel, std::ptrdiff_t first, std::ptrdiff_t count, const float* m,
                       const float* bias, float* y);  ///< by ReLU and pool
};

namespace detail {
#define CXRNET_KERNELS <cxrnet/backend/cpu/winograd_kernels.inl>
#include <cxrnet/simd/for_each_target.inl>
}  // namespace detail

inline const WinogradKernels& winograd_kernels([[maybe_unused]] SimdTarget target) {
#if defined(__x86_64__)
  if (target == SimdTarget::avx512) return detail::simd_avx512::winograd_kernels;
  if (target == SimdTarget::avx2) return detail::simd_avx2::winograd_kernels;
#endif
  return detail::simd_baseline::winograd_kernels;
}

/// How a convolution's tiles are gone through.
struct WinogradPlan {
  enum class Sharing {
    tiles,    ///< each thread takes blocks of tiles by itself: weights small enough for a cache
    channels  ///< threads share a block of tiles and take panels of output channels: large weights are read but once
  };
  Sharing sharing = Sharing::tiles;
  std::ptrdiff_t block = 28;  ///< tiles
};

/// Whether an operation is a convolution that this computes.
constexpr bool has_winograd(const op::Operation& o) {
  const op::Window& w = o.window;
  const op::Window& p = o.pool;
  const bool same = w.height == 3 && w.width == 3 && w.stride == 1 && w.pad_top == 1 && w.pad_left == 1 &&
                    w.pad_bottom == 1 && w.pad_right == 1;
  const bool pools = p.height == 0 || (p.height == 2 && p.width == 2 && p.stride == 2 && p.pad_top == 0 &&
                                       p.pad_left == 0 && p.pad_bottom == 0 && p.pad_right == 0);
  return o.kind == op::Kind::convolution && o.precision == op::Precision::float32 && same && pools && o.in.channels % 16 == 0 && o.out.channels % 16 == 0 &&
         (o.activation == op::Activation::none || o.activation == op::Activation::relu);
}

/// A plan for batches of `n` images: transformed tiles that fit into a core's cache, or weights that are read once.
constexpr WinogradPlan plan_winograd(const WinogradShape& shape, int n, int threads) {
  constexpr std::ptrdiff_t rows = 14;  // what a kernel takes at once
  const std::ptrdiff_t tiles = shape.tiles() * n;
  const bool light = shape.weights() * sizeof(float) <= std::size_t{4} << 20U;
  if (light && tiles >= 4 * rows * threads) return {WinogradPlan::Sharing::tiles, 2 * rows};
  const std::ptrdiff_t fits = (std::ptrdiff_t{4} << 20U) / (36 * 4 * shape.in) / rows * rows;
  return {WinogradPlan::Sharing::channels, std::min(tiles, std::max(2 * rows, fits))};
}

/// A convolution, ready to run.
class Winograd {
 public:
  Winograd(const WinogradShape& shape, SimdTarget target, WinogradPlan plan, int threads)
      : shape_(shape), kernels_(&winograd_kernels(target)), plan_(plan), threads_(static_cast<std::size_t>(threads)) {}

  /// What `run` works on, aligned to 64 bytes.
  [[nodiscard]] std::size_t scratch_bytes() const {
    const std::size_t transforms = plan_.sharing == WinogradPlan::Sharing::tiles ? threads_ : 1;
    return (products() * threads_ + transformed() * transforms) * sizeof(float);
  }

  /// Transforms a kernel of 3 x 3 x in x out numbers to `weights()` of them.
  void pack(const float* hwio, float* packed) const {
    for_each_item(static_cast<std::size_t>(shape_.panels()), threads_, [&](std::size_t panel, std::size_t) {
      kernels_->transform_weights(shape_, static_cast<int>(panel), hwio, packed + panel * panel_weights());
    });
  }

  /// n images from x to y, both blocked; `bias` may be null.
  void run(int n, const float* x, const float* packed, const float* bias, float* y, float* scratch) const {
    const std::ptrdiff_t tiles = shape_.tiles() * n;
    const std::ptrdiff_t blocks = (tiles + plan_.block - 1) / plan_.block;
    const auto finish = kernels_->finish[shape_.relu ? 1 : 0][shape_.pool ? 1 : 0];
    const auto panel_of = [&](int panel, std::ptrdiff_t first, std::ptrdiff_t count, const float* v, float* m) {
      kernels_->multiply(shape_, count, v, packed + static_cast<std::size_t>(panel) * panel_weights(), m);
      finish(shape_, panel, first, count, m, bias, y);
    };
    if (plan_.sharing == WinogradPlan::Sharing::tiles) {
      for_each_item(static_cast<std::size_t>(blocks), threads_, [&](std::size_t block, std::size_t thread) {
        const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(block) * plan_.block;
        const std::ptrdiff_t count = std::min(plan_.block, tiles - first);
        float* const v = scratch + thread * (transformed() + products());
        kernels_->transform_tiles(shape_, x, first, count, 0, shape_.in / 16, v);
        for (int panel = 0; panel < shape_.panels(); ++panel) panel_of(panel, first, count, v, v + transformed());
      });
      return;
    }
    for (std::ptrdiff_t first = 0; first < tiles; first += plan_.block) {
      const std::ptrdiff_t count = std::min(plan_.block, tiles - first);
      for_each_item(static_cast<std::size_t>(shape_.in / 16), threads_, [&](std::size_t block, std::size_t) {
        kernels_->transform_tiles(shape_, x, first, count, static_cast<int>(block), static_cast<int>(block) + 1, scratch);
      });
      for_each_item(static_cast<std::size_t>(shape_.panels()), threads_, [&](std::size_t panel, std::size_t thread) {
        panel_of(static_cast<int>(panel), first, count, scratch, scratch + transformed() + thread * products());
      });
    }
  }

 private:
  [[nodiscard]] std::size_t panel_weights() const { return shape_.weights() / static_cast<std::size_t>(shape_.panels()); }
  [[nodiscard]] std::size_t transformed() const {
    return std::size_t{36} * static_cast<std::size_t>(plan_.block) * static_cast<std::size_t>(shape_.in);
  }
  [[nodiscard]] std::size_t products() const {
    return std::size_t{36} * static_cast<std::size_t>(plan_.block) * WinogradShape::panel;
  }

  WinogradShape shape_;
  const WinogradKernels* kernels_;
  WinogradPlan plan_;
  std::size_t threads_;
};

}  // namespace cxrnet::cpu
