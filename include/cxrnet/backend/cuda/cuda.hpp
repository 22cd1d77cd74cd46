#pragma once
#include <cxrnet/backend/cuda/program.hpp>
#include <cxrnet/backend/cuda/training.hpp>
#include <cxrnet/core/precision.hpp>
#include <cxrnet/op/rules.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace cxrnet {

// What a GPU's maps and working weights are of, `Cuda<Half>`: two bytes; `Bf16`, two bytes with a float's range; floats whose
// products round their operands to 10 bits; floats.
struct Half {};
struct Tf32 {};
struct Float {};

namespace cuda {
template <class Numbers>
inline constexpr Number number_of = Number::float32;
template <>
inline constexpr Number number_of<cxrnet::Half> = Number::half;
template <>
inline constexpr Number number_of<Bf16> = Number::bfloat16;
template <>
inline constexpr Number number_of<Tf32> = Number::tf32;
}  // namespace cuda

/// cuDNN's graphs and kernels of ours on a GPU: maps and working weights in `Numbers`, parameters, sums, vectors and gradients
/// in float. `Device` is cuda::CudaDevice, or what stands for one (backend/cuda/device.hpp). A user's own functions are the
/// host's, and do not run.
template <class Numbers, class Device>
struct CudaOn {
  static constexpr cuda::Number number = cuda::number_of<Numbers>;
  using scalar = float;
  using rules = Rules<FuseBias, FuseRelu, FuseElementwiseRelu>;
  static constexpr std::string_view name =
      std::array{"cuda-f16", "cuda-bf16", "cuda-tf32", "cuda-f32"}[static_cast<std::size_t>(number)];

  /// Of the device's memory.
  static constexpr std::size_t value_bytes(Dims dims, op::Precision = op::Precision::float32) {
    return cuda::device_bytes(dims, number);
  }
  static constexpr bool on_device = true;
  static constexpr bool samples = true;
  static constexpr int micro_batch(int capacity) { return capacity; }
  static constexpr bool trains(const op::Operation& o) {
    return cuda::has(o);
  }
  static constexpr bool runs(const op::Operation&) { return false; }

  using Program = cuda::Program<number, Device>;
};

}  // namespace cxrnet
