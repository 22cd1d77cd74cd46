#pragma once
#include <cxrnet/backend/cuda/map_kernels.hpp>
#include <cxrnet/backend/cuda/norm_kernels.hpp>

#include <cstddef>

namespace cxrnet::cuda {

/// A batch normalisation on a device; with gamma null a bias by itself, which is beta. `batch`: mean and variance are the
/// batch's, written forward and read on the way back; else moving averages. N is what maps are of, or float of vectors.
struct Normalisation {
  Maps maps;
  double epsilon;
  bool relu;   ///< behind it
  bool batch;
  const StepSettings* settings;
  const float* gamma;
  const float* beta;
  float* mean;
  float* variance;
  void* space;  ///< bytes<N>() for sums, where it takes any

  template <class N>
  [[nodiscard]] static std::size_t bytes(const Maps& maps) {
    return SumSpace::bytes(SumGrid(maps, lanes_of<N>(maps)));
  }

  template <class N, class Work>
  void forward(Work& work, const N* x, N* y) const {
    with_lanes<N>(maps, [&]<int lanes>() {
      if (batch) {
        const SumGrid grid(maps, lanes);
        const SumSpace sums(space, grid);
        work.launch(ChannelSums<N, lanes>{maps, grid, settings, x, nullptr, nullptr, sums.lane_sums, sums.sums});
        work.launch(Moments<N>{maps, ChunkSums(grid, sums.sums), settings, x, mean, variance});
      }
      work.launch(BatchNorm<N, lanes>{maps, static_cast<float>(epsilon), relu, batch ? settings : nullptr, x, gamma, beta, mean, variance, y});
    });
  }

  /// Gradients of gamma, beta and x, null: not wanted. `mask`, where there is one, is x, a ReLU's output.
  template <class N, class Work>
  void backward(Work& work, const N* x, const N* dy, const N* mask, float* dgamma, float* dbeta, N* dx) const {
    with_lanes<N>(maps, [&]<int lanes>() {
      const float* means = nullptr;
      if (batch || dgamma != nullptr || dbeta != nullptr) {
        const SumGrid grid(maps, lanes);
        const SumSpace sums(space, grid);
        work.launch(ChannelSums<N, lanes>{maps, grid, settings, x, mean, dy, sums.lane_sums, sums.sums});
        work.launch(NormGradients{maps, ChunkSums(grid, sums.sums), epsilon, settings, variance, dgamma, dbeta, sums.means});
        if (batch) means = sums.means;
      }
      if (dx == nullptr) return;
      if (gamma == nullptr) return work.launch(AddRelu<N>{maps.numbers(), false, dy, nullptr, dx, mask});
      work.launch(BatchNormBackward<N, lanes>{maps, static_cast<float>(epsilon), mask != nullptr, settings, x, dy, gamma, mean, variance,
                                              means, dx});
    });
  }
};

}  // namespace cxrnet::cuda
