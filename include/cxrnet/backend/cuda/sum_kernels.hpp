#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

// Sums of each channel over the places of a batch of maps (NHWC; a vector is a map of one place), of the images that are there:
// in floats over few places and in double over all, always in the same order.
namespace cxrnet::cuda {

/// Places of the images that are there.
CXRNET_BOTH inline std::int64_t places_there(const Maps& maps, const StepSettings& settings) {
  return static_cast<std::int64_t>(settings.n) * maps.height * maps.width;
}

/// How blocks share the sums of `lanes` neighbouring channels a lane: each takes `rows` places of up to block_lanes packs of
/// channels, `groups` places beside each other.
struct SumGrid {
  static constexpr int least = 32, most_chunks = 512;  ///< places of a lane, and parts of the places
  int lanes, channels, stride, packs, tile, tiles, groups, rows, chunks;

  SumGrid(const Maps& maps, int lanes_)
      : lanes(lanes_), channels(maps.channels), stride(maps.stride), packs(stride / lanes), tile(std::min(packs, block_lanes)),
        tiles((packs + tile - 1) / tile), groups(block_lanes / tile) {
    const int places = static_cast<int>(maps.pixels());
    rows = std::max(groups * least, (places + most_chunks - 1) / most_chunks);
    chunks = (places + rows - 1) / rows;
  }

  [[nodiscard]] CXRNET_BOTH std::int64_t blocks() const { return static_cast<std::int64_t>(chunks) * tiles; }
  /// Of each block: two numbers for each lane's channels.
  [[nodiscard]] CXRNET_BOTH std::int64_t lane_sums() const { return blocks() * 2 * lanes * block_lanes; }
  /// Of each chunk: two numbers for each channel.
  [[nodiscard]] CXRNET_BOTH std::int64_t sums() const { return std::int64_t{2} * chunks * stride; }
};

/// Memory that the sums of one operation take, one operation after the other.
struct SumSpace {
  double* sums;
  float* lane_sums;
  float* means;  ///< 2 of each channel: see NormGradients

  SumSpace(void* data, const SumGrid& grid)
      : sums(static_cast<double*>(data)), lane_sums(reinterpret_cast<float*>(sums + grid.sums())), means(lane_sums + grid.lane_sums()) {}
  static std::size_t bytes(const SumGrid& grid) {
    const std::int64_t floats = grid.lane_sums() + 2 * grid.stride;
    return static_cast<std::size_t>(grid.sums()) * sizeof(double) + static_cast<std::size_t>(floats) * sizeof(float);
  }
};

/// Of each channel and chunk, over the places of the images that are there: the sums of d and of d d, or, where there is a dy,
/// of dy and of dy d. d is how far x is from `mean`, or from the first place's x.
template <class T, int lanes>
struct ChannelSums {
  Maps maps;
  SumGrid grid;
  const StepSettings* settings;
  const T* x;
  const float* mean;
  const T* dy;
  float* lane_sums;
  double* sums;

  [[nodiscard]] std::int64_t blocks() const { return grid.blocks(); }
  [[nodiscard]] CXRNET_BOTH int phases() const { return 2; }
  CXRNET_BOTH void operator()(std::int64_t block, int phase, int lane) const {
    const std::int64_t chunk = block / grid.tiles;
    const int first = static_cast<int>(block % grid.tiles) * grid.tile;
    float* const mine = lane_sums + block * 2 * lanes * block_lanes;
    if (phase == 0) sum_places(chunk, first + lane % grid.tile, lane / grid.tile, mine + lane);
    else sum_groups(chunk, first * lanes, lane, mine);
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, settings, 1);
    reads(visit, x, maps.numbers());
    if (mean != nullptr) reads(visit, mean, maps.channels);
    if (dy != nullptr) reads(visit, dy, maps.numbers());
    writes(visit, lane_sums, grid.lane_sums());
    writes(visit, sums, grid.sums());
  }

 private:
  CXRNET_BOTH void sum_places(std::int64_t chunk, int pack, int group, float* to) const {
    if (group >= grid.groups || pack >= grid.packs) return;
    const auto* const packs_x = reinterpret_cast<const Pack<T, lanes>*>(x);
    const auto* const packs_dy = reinterpret_cast<const Pack<T, lanes>*>(dy);
    float centre[lanes], one[lanes] = {}, two[lanes] = {};
    const Pack<T, lanes> origin = packs_x[pack];
    for (int k = 0; k < lanes; ++k) {
      const int channel = pack * lanes + k;
      centre[k] = mean == nullptr ? to_float(origin.at[k]) : channel < maps.channels ? mean[channel] : 0.0F;
    }
    const std::int64_t there = places_there(maps, *settings);
    const std::int64_t end = (chunk + 1) * grid.rows < there ? (chunk + 1) * grid.rows : there;
    for (std::int64_t row = chunk * grid.rows + group; row < end; row += grid.groups) {
      const Pack<T, lanes> here = packs_x[row * grid.packs + pack];
      const Pack<T, lanes> gradient = dy == nullptr ? here : packs_dy[row * grid.packs + pack];
      for (int k = 0; k < lanes; ++k) {
        const float distance = to_float(here.at[k]) - centre[k];
        const float summed = dy == nullptr ? distance : to_float(gradient.at[k]);
        one[k] += summed;
        two[k] += summed * distance;
      }
    }
    for (int k = 0; k < lanes; ++k) {
      to[k * block_lanes] = one[k];
      to[(lanes + k) * block_lanes] = two[k];
    }
  }
  CXRNET_BOTH void sum_groups(std::int64_t chunk, int first, int lane, const float* from) const {
    for (int c = lane; c < grid.tile * lanes && first + c < maps.channels; c += block_lanes) {
      for (int which = 0; which < 2; ++which) {
        double sum = 0;
        for (int group = 0; group < grid.groups; ++group) {
          sum += from[(which * lanes + c % lanes) * block_lanes + group * grid.tile + c / lanes];
        }
        sums[(chunk * 2 + which) * grid.stride + first + c] = sum;
      }
    }
  }
};

/// The chunks' sums, brought together in place: a block takes `width` channels.
struct ChunkSums {
  static constexpr int groups = 16, width = block_lanes / groups;
  int channels, stride, chunks;
  double* sums;

  explicit ChunkSums(const SumGrid& grid, double* of) : channels(grid.channels), stride(grid.stride), chunks(grid.chunks), sums(of) {}

  [[nodiscard]] std::int64_t blocks() const { return (channels + width - 1) / width; }
  CXRNET_BOTH void gather(std::int64_t block, int lane) const {
    const std::int64_t channel = block * width + lane % width;
    const int group = lane / width;
    if (channel >= channels || group >= chunks) return;
    for (int which = 0; which < 2; ++which) {
      double sum = 0;
      for (int k = group; k < chunks; k += groups) sum += sums[std::int64_t{2 * k + which} * stride + channel];
      sums[std::int64_t{2 * group + which} * stride + channel] = sum;
    }
  }
  /// Of what is gathered.
  [[nodiscard]] CXRNET_BOTH double total(int which, std::int64_t channel) const {
    double sum = 0;
    for (int k = 0; k < groups && k < chunks; ++k) sum += sums[std::int64_t{2 * k + which} * stride + channel];
    return sum;
  }
  template <class Visit>
  void operands(Visit visit) const {
    const std::int64_t count = std::int64_t{2} * chunks * stride;
    reads(visit, static_cast<const double*>(sums), count);
    writes(visit, sums, count);
  }
};

}  // namespace cxrnet::cuda
