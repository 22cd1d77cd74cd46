#pragma once
#include "variants/instance.hpp"

#include <cxrnet/backend/cuda/cuda_device.hpp>

namespace cxrnet::programs {

/// In half: networks as they are trained on a GPU.
struct OnCuda {
  using Backend = Cuda<Half>;
};

}  // namespace cxrnet::programs
