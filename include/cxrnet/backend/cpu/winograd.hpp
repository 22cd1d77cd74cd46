#pragma once
#include <cxrnet/backend/cpu/convolutions.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/simd/target.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

// Convolution 3x3 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015), with bias, ReLU and 2x2 max pooling
// done before anything is stored. Maps are blocked by 16 channels (oneDNN's nChw16c), their numbers multiples of 16.
namespace cxrnet::cpu {

/// What one link of a Chain reads and writes: of both maps some rows lie in memory, row y where row y % x_rows would.
struct ChainRows {
  const float* x;
  std::ptrdiff_t x_rows;
  float* y;
  std::ptrdiff_t y_rows;
};

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

/// Which of a convolution's two maps is computed: its output, or its input's gradient out of its output's.
enum class WinogradPass { forward, data_gradient };

/// Where a kernel of 3 x 3 x in x out numbers has those of a pass. The data gradient is the convolution of the output's
/// gradient with the kernel turned by half a circle, whose inputs are the kernel's outputs.
struct WinogradTaps {
  const float* first;
  std::ptrdiff_t tap, in, out;  ///< steps from one to the next
};
constexpr WinogradTaps winograd_taps(const float* hwio, std::ptrdiff_t in, std::ptrdiff_t out, WinogradPass pass) {
  if (pass == WinogradPass::forward) return {hwio, in * out, out, 1};
  return {hwio + 8 * out * in, -out * in, 1, in};  // in and out are the pass's own: the kernel's are the other way round
}

/// The kernels for one instruction set. Of maps `x_rows` and `y_rows` rows lie in memory, row y where row y % x_rows would:
/// all of them, or so many as are wanted at a time, multiples of a tile's.
struct WinogradKernels {
  void (*transform_weights)(const WinogradShape&, int panel, const WinogradTaps&, float* packed);
  void (*transform_tiles)(const WinogradShape&, const float* x, std::ptrdiff_t x_rows, std::ptrdiff_t first,
                          std::ptrdiff_t count, int first_block, int last_block, float* v);
  void (*multiply)(const WinogradShape&, int first_point, int last_point, std::ptrdiff_t count, const float* v,
                   const float* u, std::ptrdiff_t ahead, float* m);
  void (*finish[2][2])(const WinogradShape&, int panel, std::ptrdiff_t first, std::ptrdiff_t count, const float* m,
                       const float* bias, float* y, std::ptrdiff_t y_rows);  ///< by ReLU and pool
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
  enum class Order {
    tiles,  ///< each thread takes blocks of tiles by itself; what it transforms stays in its cache, weights pass by
    points  ///< threads share a block and take one of its 36 products at a time, so that weights are read but once
  };
  Order order = Order::tiles;
  std::ptrdiff_t block = 28;  ///< tiles
};

/// A plan for batches of `n` images: by points where a thread has too few tiles to read all weights for, or where the
/// weights are larger than a cache that threads share. A transformed number and a weight have so many bytes.
constexpr WinogradPlan plan_winograd(const WinogradShape& shape, int n, int threads, std::ptrdiff_t number = sizeof(float)) {
  constexpr std::ptrdiff_t rows = 14;  // what a kernel takes at once
  constexpr std::ptrdiff_t shared_cache = std::ptrdiff_t{20} << 20U;
  const std::ptrdiff_t tiles = shape.tiles() * n;
  const bool light = shape.weights() * static_cast<std::size_t>(number) <= static_cast<std::size_t>(shared_cache);
  if (light && tiles >= 7 * rows * threads) return {WinogradPlan::Order::tiles, 2 * rows};
  const std::ptrdiff_t tile_bytes = 36 * (number * shape.in + 4 * WinogradShape::panel * shape.panels());
  const std::ptrdiff_t most = std::max(2 * rows, shared_cache * 3 / 2 / tile_bytes);
  const std::ptrdiff_t blocks = (tiles + most - 1) / most;
  const std::ptrdiff_t equal = (tiles + blocks - 1) / blocks;
  return {WinogradPlan::Order::points, std::min(tiles, (equal + rows - 1) / rows * rows)};
}

/// What a convolution works on, of which `Tile` is a transformed number and `Product` a sum of products of such.
template <class Tile, class Product>
struct WinogradScratch {
  WinogradShape shape;
  WinogradPlan plan;
  std::size_t threads;

  [[nodiscard]] std::size_t tile_bytes() const {
    return std::size_t{36} * static_cast<std::size_t>(plan.block) * static_cast<std::size_t>(shape.in) * sizeof(Tile);
  }
  [[nodiscard]] std::size_t product_bytes() const {
    return std::size_t{36} * static_cast<std::size_t>(plan.block) * WinogradShape::panel * sizeof(Product);
  }
  /// Each a multiple of 64: blocks of 16 channels and of 32.
  [[nodiscard]] std::size_t bytes() const {
    return plan.order == WinogradPlan::Order::tiles ? (tile_bytes() + product_bytes()) * threads
                                                    : tile_bytes() + product_bytes() * static_cast<std::size_t>(shape.panels());
  }
};

/// Goes through n images' tiles by a plan, on threads:
///   transform(first, count, first_block, last_block, v)   tiles of the input, of some blocks of 16 channels
///   multiply(first_point, last_point, count, v, panel, by_points, m)
///   finish(panel, first, count, m)
template <class Tile, class Product, class Transform, class Multiply, class Finish>
void run_winograd(const WinogradScratch<Tile, Product>& s, int n, std::byte* scratch, Transform transform, Multiply multiply,
                  Finish finish) {
  const std::ptrdiff_t tiles = s.shape.tiles() * n;
  const int panels = s.shape.panels();
  if (s.plan.order == WinogradPlan::Order::tiles) {
    const std::ptrdiff_t blocks = (tiles + s.plan.block - 1) / s.plan.block;
    for_each_item(static_cast<std::size_t>(blocks), s.threads, [&](std::size_t block, std::size_t thread) {
      const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(block) * s.plan.block;
      const std::ptrdiff_t count = std::min(s.plan.block, tiles - first);
      std::byte* const own = scratch + thread * (s.tile_bytes() + s.product_bytes());
      auto* const v = reinterpret_cast<Tile*>(own);
      auto* const m = reinterpret_cast<Product*>(own + s.tile_bytes());
      transform(first, count, 0, s.shape.in / 16, v);
      for (int panel = 0; panel < panels; ++panel) {
        multiply(0, 36, count, v, panel, false, m);
        finish(panel, first, count, m);
      }
    });
    return;
  }
  const int groups = std::min(panels, (16 * static_cast<int>(s.threads) + 35) / 36);
  const int group = (panels + groups - 1) / groups;  // panels that one thread takes of a point
  auto* const v = reinterpret_cast<Tile*>(scratch);
  const auto result = [&](int panel) {
    return reinterpret_cast<Product*>(scratch + s.tile_bytes() + static_cast<std::size_t>(panel) * s.product_bytes());
  };
  for (std::ptrdiff_t first = 0; first < tiles; first += s.plan.block) {
    const std::ptrdiff_t count = std::min(s.plan.block, tiles - first);
    for_each_item(static_cast<std::size_t>(s.shape.in / 16), s.threads, [&](std::size_t block, std::size_t) {
      transform(first, count, static_cast<int>(block), static_cast<int>(block) + 1, v);
    });
    for_each_item(static_cast<std::size_t>(36 * groups), s.threads, [&](std::size_t item, std::size_t) {
      const int point = static_cast<int>(item) / groups;
      const int from = static_cast<int>(item) % groups * group;
      for (int panel = from; panel < std::min(from + group, panels); ++panel) {
        multiply(point, point + 1, count, v, panel, true, result(panel));
      }
    });
    for_each_item(static_cast<std::size_t>(panels), s.threads, [&](std::size_t panel, std::size_t) {
      finish(static_cast<int>(panel), first, count, result(static_cast<int>(panel)));
    });
  }
}

/// A convolution, ready to run.
class Winograd {
 public:
  Winograd(const WinogradShape& shape, SimdTarget target, WinogradPlan plan, int threads)
      : kernels_(&winograd_kernels(target)), scratch_{shape, plan, static_cast<std::size_t>(threads)} {}

  /// What `run` works on, aligned to 64 bytes.
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_.bytes(); }

  /// Transforms a convolution's kernel (HWIO) to `weights()` numbers.
  void pack(const float* hwio, float* packed, WinogradPass pass = WinogradPass::forward) const {
    const WinogradShape& shape = scratch_.shape;
    const WinogradTaps taps = winograd_taps(hwio, shape.in, shape.out, pass);
    for_each_item(static_cast<std::size_t>(shape.panels()), scratch_.threads, [&](std::size_t panel, std::size_t) {
      kernels_->transform_weights(shape, static_cast<int>(panel), taps, packed + panel * panel_weights());
    });
  }

  [[nodiscard]] const WinogradShape& shape() const { return scratch_.shape; }

  /// n images from x to y, both blocked; `bias` may be null.
  void run(int n, const float* x, const float* packed, const float* bias, float* y, std::byte* scratch) const {
    const WinogradShape& shape = scratch_.shape;
    const auto finish = kernels_->finish[shape.relu ? 1 : 0][shape.pool ? 1 : 0];
    const std::ptrdiff_t y_rows = shape.pool ? shape.height / 2 : shape.height;
    run_winograd(
        scratch_, n, scratch,
        [&](std::ptrdiff_t first, std::ptrdiff_t count, int first_block, int last_block, float* v) {
          kernels_->transform_tiles(shape, x, shape.height, first, count, first_block, last_block, v);
        },
        [&](int first, int last, std::ptrdiff_t count, const float* v, int panel, bool by_points, float* m) {
          const auto ahead = by_points ? static_cast<std::ptrdiff_t>(panel_weights()) : shape.in * WinogradShape::panel;
          kernels_->multiply(shape, first, last, count, v, packed + static_cast<std::size_t>(panel) * panel_weights(), ahead, m);
        },
        [&](int panel, std::ptrdiff_t first, std::ptrdiff_t count, const float* m) {
          finish(shape, panel, first, count, m, bias, y, y_rows);
        });
  }

  // What a Chain asks of its links.
  /// Bytes that `run_rows` works on, a multiple of 64.
  [[nodiscard]] std::size_t row_scratch_bytes() const {
    return std::size_t{36} * static_cast<std::size_t>(row_block()) *
           (static_cast<std::size_t>(scratch_.shape.in) + WinogradShape::panel) * sizeof(float);
  }
  /// One row of tiles of one image, on this thread, out of a map of which `x_rows` lie in memory into one of `y_rows`.
  void run_rows(std::ptrdiff_t tile_row, const ChainRows& rows, const float* packed, const float* bias, std::byte* scratch) const {
    const WinogradShape& shape = scratch_.shape;
    const auto finish = kernels_->finish[shape.relu ? 1 : 0][shape.pool ? 1 : 0];
    auto* const v = reinterpret_cast<float*>(scratch);
    const std::ptrdiff_t across = shape.tiles_across();
    for (std::ptrdiff_t at = 0; at < across; at += row_block()) {
      const std::ptrdiff_t first = tile_row * across + at;
      const std::ptrdiff_t count = std::min(row_block(), across - at);
      float* const m = v + 36 * count * shape.in;
      kernels_->transform_tiles(shape, rows.x, rows.x_rows, first, count, 0, shape.in / 16, v);
      for (int panel = 0; panel < shape.panels(); ++panel) {
        kernels_->multiply(shape, 0, 36, count, v, packed + static_cast<std::size_t>(panel) * panel_weights(),
                           shape.in * WinogradShape::panel, m);
        finish(shape, panel, first, count, m, bias, rows.y, rows.y_rows);
      }
    }
  }

 private:
  /// Tiles of a row that are computed together: some 28, in equal parts.
  [[nodiscard]] std::ptrdiff_t row_block() const {
    const std::ptrdiff_t across = scratch_.shape.tiles_across();
    const std::ptrdiff_t parts = (across + 27) / 28;
    return (across + parts - 1) / parts;
  }
  [[nodiscard]] std::size_t panel_weights() const {
    return scratch_.shape.weights() / static_cast<std::size_t>(scratch_.shape.panels());
  }

  const WinogradKernels* kernels_;
  WinogradScratch<float, float> scratch_;
};

}  // namespace cxrnet::cpu
