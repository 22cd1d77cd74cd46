#include "variants/variants.hpp"

#include <cxrnet/backend/cuda/cuda_device.hpp>

namespace cxrnet::programs {

std::string cuda_problem() {
  try {
    cuda::CudaDevice::current();
    return {};
  } catch (const BackendError& error) {
    return error.what();
  }
}

void keep_cuda_plans(const std::filesystem::path& folder) { cuda::CudaDevice::current().keep_plans(folder); }
void try_cuda_plans() { cuda::CudaDevice::current().try_plans(); }

}  // namespace cxrnet::programs
