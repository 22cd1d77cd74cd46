#pragma once
#include <cxrnet/backend/cuda/norm_kernels.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/backend/cuda/together.hpp>
#include <cxrnet/backend/cuda/update_kernels.hpp>

#include <cstdint>

// Every kernel of the CUDA backend, as CXRNET_KERNEL(type): a new one is a line here.
#define CXRNET_MAP_KERNELS(T, lanes)       \
  CXRNET_KERNEL(ToMaps<T, lanes>)          \
  CXRNET_KERNEL(MaxPool<T, lanes>)         \
  CXRNET_KERNEL(MaxPoolBackward<T, lanes>) \
  CXRNET_KERNEL(ChannelSums<T, lanes>)     \
  CXRNET_KERNEL(BatchNorm<T, lanes>)       \
  CXRNET_KERNEL(BatchNormBackward<T, lanes>)
#define CXRNET_KERNELS_OF(T)       \
  CXRNET_KERNEL(ToPlain<T>)        \
  CXRNET_KERNEL(AddRelu<T>)        \
  CXRNET_KERNEL(Dropout<T>)        \
  CXRNET_KERNEL(Moments<T>)        \
  CXRNET_KERNEL(SampleImages<T>)   \
  CXRNET_KERNEL(PerImage<T>)       \
  CXRNET_KERNEL(SeveralWeights<T>) \
  CXRNET_KERNEL(SeveralGradients<T>)
#define CXRNET_EACH_KERNEL                  \
  CXRNET_MAP_KERNELS(Float16, 8)            \
  CXRNET_MAP_KERNELS(BFloat16, 8)           \
  CXRNET_MAP_KERNELS(float, 4)              \
  CXRNET_MAP_KERNELS(float, 1)              \
  CXRNET_KERNELS_OF(Float16)                \
  CXRNET_KERNELS_OF(BFloat16)               \
  CXRNET_KERNELS_OF(float)                  \
  CXRNET_KERNEL(SampleImages<std::uint8_t>) \
  CXRNET_KERNEL(DenseForward)               \
  CXRNET_KERNEL(DenseBackwardData)          \
  CXRNET_KERNEL(SeveralDense)               \
  CXRNET_KERNEL(NormGradients)              \
  CXRNET_KERNEL(SquareSums)                 \
  CXRNET_KERNEL(Judge)                      \
  CXRNET_KERNEL(UpdateParameters)
