#pragma once
#include <cuda_runtime.h>

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
