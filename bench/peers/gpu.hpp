#pragma once
#include <cxrnet/backend/cuda/cuda_device.hpp>
#include <cxrnet/core/version.hpp>

#include <iostream>
#include <string>

// What our sides of the peers share on a GPU.
namespace cxrnet::peers {

/// Whether there is a GPU that the backend runs on; says what was found where there is none. The process then ends with `left_out`.
inline bool has_gpu() {
  try {
    cuda::CudaDevice::current();
    return true;
  } catch (const BackendError& error) {
    std::cerr << error.what() << '\n';
    return false;
  }
}
inline constexpr int left_out = 77;  // peers.LEFT_OUT

template <class Backend>
std::string version_on_gpu() {
  return "cxrnet " + std::string(version) + ", " + std::string(Backend::name) + ", CUDA " + std::to_string(CUDART_VERSION / 1000) + "." +
         std::to_string(CUDART_VERSION % 1000 / 10) + ", cuDNN " + std::to_string(cuda::cudnn_version()) + ", " +
         cuda::CudaDevice::current().name();
}

}  // namespace cxrnet::peers
