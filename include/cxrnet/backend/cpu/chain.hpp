#pragma once
#include <cxrnet/backend/cpu/first_convolution.hpp>
#include <cxrnet/backend/cpu/winograd.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <variant>

// Consecutive convolutions run tile by tile: a row of tiles of the first, then the row of the second whose input that
// completes, and so on. Of the maps in between a thread keeps three rows of tiles, in its cache, and nothing is computed in
// another way than one convolution after the other computes it.
namespace cxrnet::cpu {

using ChainConvolution = std::variant<FirstConvolution, Winograd>;

/// One of a chain's convolutions, with its parameters.
struct ChainLink {
  const ChainConvolution* convolution;
  const float* kernel;  ///< as its `run` takes it
  const float* bias;    ///< may be null
};

/// Of a convolution in a chain: the map it gives, before its pool, and what that costs.
struct ChainStage {
  int width = 0;
  int channels = 0;
  double work = 0;              ///< of a row, in any unit
  std::size_t scratch_bytes = 0;  ///< that a row takes of one thread
};

/// Where a chain's images begin, how far apart they are in numbers, and the rows of their maps.
struct ChainMaps {
  const float* x;
  std::size_t x_step;
  std::ptrdiff_t x_rows;
  float* y;
  std::size_t y_step;
  std::ptrdiff_t y_rows;
};

class Chain {
 public:
  static constexpr std::size_t most = 4;  ///< stages

  /// 2 to `most` stages, of maps `height` high.
  Chain(std::span<const ChainStage> stages, int height, int threads)
      : count_(stages.size()), tile_rows_((height + 3) / 4), threads_(threads) {
    std::copy(stages.begin(), stages.end(), stages_.begin());
    for (std::size_t i = 0; i < count_; ++i) row_scratch_ = std::max(row_scratch_, stages[i].scratch_bytes);
  }

  /// Parts that each of n images is cut into, one below the other, each for one thread: what lies at a cut is computed for
  /// both parts. Nothing where that, or threads that wait, would cost more than one convolution after the other does.
  [[nodiscard]] std::optional<int> parts(int n) const {
    double work = 0;
    for (std::size_t i = 0; i < count_; ++i) work += stages_[i].work;
    std::optional<int> best;
    double least = 1.03 * n * tile_rows_ * work / threads_;
    for (int parts = 1; parts <= std::min(threads_, tile_rows_); ++parts) {
      double item = 0;
      for (std::size_t i = 0; i < count_; ++i) {
        const int beyond = parts == 1 ? 0 : static_cast<int>(count_ - 1 - i) * (parts == 2 ? 1 : 2);
        item += stages_[i].work * std::min(tile_rows_, (tile_rows_ + parts - 1) / parts + beyond);
      }
      const double cost = item * ((n * parts + threads_ - 1) / threads_);
      if (cost >= least) continue;
      least = cost;
      best = parts;
    }
    return best;
  }

  /// What `run` works on, aligned to 64 bytes.
  [[nodiscard]] std::size_t scratch_bytes() const { return static_cast<std::size_t>(threads_) * thread_bytes(); }

  /// n images. `seconds`, a number for each link or none, gets each one's time added, by threads' sum.
  void run(int n, int parts, std::span<const ChainLink> links, const ChainMaps& maps, std::byte* scratch,
           std::span<double> seconds) const {
    const auto items = static_cast<std::size_t>(n) * static_cast<std::size_t>(parts);
    for_each_item(items, static_cast<std::size_t>(threads_), [&](std::size_t item, std::size_t thread) {
      const std::size_t image = item / static_cast<std::size_t>(parts);
      const int part = static_cast<int>(item % static_cast<std::size_t>(parts));
      std::byte* const own = scratch + thread * thread_bytes();
      std::array<ChainRows, most> rows{};
      rows[0].x = maps.x + image * maps.x_step;
      rows[0].x_rows = maps.x_rows;
      auto* ring = reinterpret_cast<float*>(own + row_scratch_);
      for (std::size_t i = 0; i + 1 < count_; ++i) {
        rows[i].y = ring;
        rows[i + 1].x = ring;
        rows[i].y_rows = rows[i + 1].x_rows = chain_rows;
        ring += ring_bytes(i) / sizeof(float);
      }
      rows[count_ - 1].y = maps.y + image * maps.y_step;
      rows[count_ - 1].y_rows = maps.y_rows;
      run_part(part * tile_rows_ / parts, (part + 1) * tile_rows_ / parts, links, rows, own, seconds);
    });
  }

 private:
  [[nodiscard]] std::size_t ring_bytes(std::size_t stage) const {
    const ChainStage& s = stages_[stage];
    return std::size_t{chain_rows} * static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.channels) * sizeof(float);
  }
  [[nodiscard]] std::size_t thread_bytes() const {
    std::size_t bytes = row_scratch_;
    for (std::size_t i = 0; i + 1 < count_; ++i) bytes += ring_bytes(i);
    return bytes;
  }

  /// The last link's rows of tiles `first` to `last` - 1 of an image, and what they need of the links before.
  void run_part(int first, int last, std::span<const ChainLink> links, const std::array<ChainRows, most>& rows,
                std::byte* scratch, std::span<double> seconds) const {
    std::array<int, most> next{};
    for (std::size_t i = 0; i < count_; ++i) next[i] = std::max(0, first - static_cast<int>(count_ - 1 - i));
    while (next[count_ - 1] < last) {
      // The last link whose input is there: no link runs ahead further than the rows in between last.
      std::size_t i = count_ - 1;
      while (i > 0 && next[i - 1] < std::min(next[i] + 2, tile_rows_)) --i;
      const auto start = std::chrono::steady_clock::now();
      std::visit([&](const auto& convolution) { convolution.run_rows(next[i], rows[i], links[i].kernel, links[i].bias, scratch); },
                 *links[i].convolution);
      if (!seconds.empty()) {
        std::atomic_ref(seconds[i]).fetch_add(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      ++next[i];
    }
  }

  std::array<ChainStage, most> stages_{};
  std::size_t count_;
  int tile_rows_;
  int threads_;
  std::size_t row_scratch_ = 0;
};

}  // namespace cxrnet::cpu
