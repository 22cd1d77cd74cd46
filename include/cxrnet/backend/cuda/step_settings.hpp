#pragma once
#include <cxrnet/op/update.hpp>

#include <cstdint>

namespace cxrnet::cuda {

/// What the kernels of a training step are told, on the device: another step is other data of the same work.
struct StepSettings {
  float loss_scale = 1;  ///< gradients are computed times it,
  float back = 1;        ///< and given times 1 / it
  float divisor = 1;     ///< of the loss
  int update = 0;        ///< 0: gradients alone
  double limit = 0;
  op::ClipBy clip = op::ClipBy::nothing;
  int n = 0;               ///< images that are there: the others of the batch count for nothing
  std::uint32_t step = 0;  ///< of dropout's draws, as the seed
  std::uint64_t seed = 0;

  friend bool operator==(const StepSettings&, const StepSettings&) = default;
};

}  // namespace cxrnet::cuda
