// Every kernel of the CUDA backend, compiled for the GPU. A program compiles this file along, as cxrnet::cuda has it do.
#include <cxrnet/backend/cuda/kernel_list.hpp>
#include <cxrnet/backend/cuda/launch.hpp>

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error "cxrnet's kernels need compute capability 8.0 or later: set CMAKE_CUDA_ARCHITECTURES to such, 80-real 90-real 100-real 120 say (before CUDA 12.8: 80-real 90)."
#endif

namespace cxrnet::cuda {

template <class Kernel>
__global__ void run_kernel(const __grid_constant__ Kernel kernel, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) kernel(i);
}

template <class Kernel>
__global__ void run_blocks(const __grid_constant__ Kernel kernel) {
  for (int phase = 0; phase < kernel.phases(); ++phase) {
    if (phase > 0) __syncthreads();
    kernel(blockIdx.x, phase, threadIdx.x);
  }
}

template <class Kernel>
void launch_kernel(const Kernel& kernel, cudaStream_t stream) {
  if constexpr (requires { kernel.phases(); }) {
    if (kernel.blocks() != 0) run_blocks<<<static_cast<unsigned>(kernel.blocks()), block_lanes, 0, stream>>>(kernel);
  } else {
    const std::int64_t count = kernel.count();
    if (count != 0) run_kernel<<<static_cast<unsigned>((count + block_lanes - 1) / block_lanes), block_lanes, 0, stream>>>(kernel, count);
  }
}

cudaError_t find_kernels() {
  cudaFuncAttributes found{};
  return cudaFuncGetAttributes(&found, run_kernel<AddRelu<float>>);
}

#define CXRNET_KERNEL(...) template void launch_kernel(const __VA_ARGS__&, cudaStream_t);
CXRNET_EACH_KERNEL
#undef CXRNET_KERNEL

}  // namespace cxrnet::cuda
