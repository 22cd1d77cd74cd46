#pragma once
#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/train/loss.hpp>

#include "simulated_device.hpp"

#include <span>
#include <string_view>

namespace cxrnet::test {

template <class Numbers>
using Simulated = CudaOn<Numbers, SimulatedDevice>;

// Channels that are no multiples of 8, windows that overlap, frozen layers, a ReLU behind a pool and before a flattening.
using Chain = Seq<Input<13, 12, 3, Rescale<1, 255>>, Freeze<Conv2D<8, 3, Same, Relu>>, Conv2D<5, 3, Same, Relu>, MaxPool<2>, Conv2D<12, 3, Relu>,
                  MaxPool<2>, Flatten, Dense<6, Relu>, Dense<3, Softmax>>;

/// Categorical crossentropy, whose gradient only the host knows.
struct HostLoss {
  CategoricalCrossentropy loss;
  static constexpr std::string_view name = "host";
  static constexpr Seed seed = Seed::logits;
  template <op::Activation end>
  static constexpr bool fits() {
    return end == op::Activation::softmax;
  }
  void check() const {}
  [[nodiscard]] double value(std::span<const float> outputs, std::span<const float> targets) const { return loss.value(outputs, targets); }
  void gradient(std::span<const float> outputs, std::span<const float> targets, float weight, int n, std::span<float> result) const {
    loss.gradient(outputs, targets, weight, n, result);
  }
  static double correct(std::span<const float> outputs, std::span<const float> targets) {
    return CategoricalCrossentropy::correct(outputs, targets);
  }
};

}  // namespace cxrnet::test
