#pragma once
#include <cxrnet/backend/cuda/cuda_device.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

// What tests that run on a GPU share.
namespace cxrnet::cuda::test {

/// The status that CTest takes for skipped.
inline constexpr int skipped = 77;

/// Whether there is a GPU; says so where there is none.
inline bool has_gpu() {
  int count = 0;
  const cudaError_t found = cudaGetDeviceCount(&count);
  if (found == cudaSuccess && count != 0) return true;
  std::printf("skipped: no GPU (%s)\n", found == cudaSuccess ? "none is installed" : cudaGetErrorString(found));
  return false;
}

/// 1, and a line that says so, where work that is meant to be recorded was not: it would run all the same, slower.
inline int unrecorded() {
  const int refused = CudaDevice::current().refused_recordings();
  if (refused > 0) std::printf("%d recordings were refused WRONG\n", refused);
  return refused > 0 ? 1 : 0;
}

/// The largest difference over the largest value; infinite where one is not finite.
inline double error(const std::vector<float>& values, const std::vector<float>& truth) {
  double worst = 0, most = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(values[i]) - static_cast<double>(truth[i])));
    most = std::max(most, std::abs(static_cast<double>(truth[i])));
    if (!std::isfinite(values[i])) return INFINITY;
  }
  return worst / most;
}

}  // namespace cxrnet::cuda::test
