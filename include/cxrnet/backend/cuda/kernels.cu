// Every kernel of the CUDA backend, compiled for the GPU. A program compiles this file along, as cxrnet::cuda has it do; a new
// kernel is a line here.
#include <cxrnet/backend/cuda/launch.hpp>
#include <cxrnet/backend/cuda/norm_kernels.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/backend/cuda/together.hpp>
#include <cxrnet/backend/cuda/update_kernels.hpp>

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

#define CXRNET_KERNEL(...) template void launch_kernel(const __VA_ARGS__&, cudaStream_t);
#define CXRNET_MAP_KERNELS(T, lanes)       \
  CXRNET_KERNEL(ToMaps<T, lanes>)          \
  CXRNET_KERNEL(MaxPool<T, lanes>)         \
  CXRNET_KERNEL(MaxPoolBackward<T, lanes>) \
  CXRNET_KERNEL(ChannelSums<T, lanes>)     \
  CXRNET_KERNEL(BatchNorm<T, lanes>)       \
  CXRNET_KERNEL(BatchNormBackward<T, lanes>)
#define CXRNET_KERNELS_OF(T)         \
  CXRNET_KERNEL(ToPlain<T>)          \
  CXRNET_KERNEL(AddRelu<T>)          \
  CXRNET_KERNEL(Dropout<T>)          \
  CXRNET_KERNEL(Moments<T>)          \
  CXRNET_KERNEL(SampleImages<T>)     \
  CXRNET_KERNEL(PerImage<T>)         \
  CXRNET_KERNEL(SeveralWeights<T>)   \
  CXRNET_KERNEL(SeveralGradients<T>)

CXRNET_MAP_KERNELS(Float16, 8)
CXRNET_MAP_KERNELS(BFloat16, 8)
CXRNET_MAP_KERNELS(float, 4)
CXRNET_MAP_KERNELS(float, 1)
CXRNET_KERNELS_OF(Float16)
CXRNET_KERNELS_OF(BFloat16)
CXRNET_KERNELS_OF(float)
CXRNET_KERNEL(SampleImages<std::uint8_t>)
CXRNET_KERNEL(DenseForward)
CXRNET_KERNEL(DenseBackwardData)
CXRNET_KERNEL(SeveralDense)
CXRNET_KERNEL(NormGradients)
CXRNET_KERNEL(SquareSums)
CXRNET_KERNEL(Judge)
CXRNET_KERNEL(UpdateParameters)

#undef CXRNET_KERNEL
#undef CXRNET_MAP_KERNELS
#undef CXRNET_KERNELS_OF

}  // namespace cxrnet::cuda
