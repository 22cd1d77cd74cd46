#pragma once
#include <cuda_runtime.h>

namespace cxrnet::cuda {

/// Launches a kernel of this backend on a stream, one index for each thread. Defined in kernels.cu, which lists the kernels:
/// it alone is compiled by nvcc. Errors are left to cudaGetLastError().
template <class Kernel>
void launch_kernel(const Kernel& kernel, cudaStream_t stream);

/// Whether the kernels were compiled for the current GPU; cudaSuccess where they were.
cudaError_t find_kernels();

}  // namespace cxrnet::cuda
