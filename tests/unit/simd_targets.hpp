#pragma once
#include <cxrnet/simd/target.hpp>

#include <vector>

/// The instruction sets that this processor has: what is tested of each kernel.
inline std::vector<cxrnet::SimdTarget> simd_targets() {
  using cxrnet::SimdTarget;
  std::vector<SimdTarget> targets{SimdTarget::baseline};
  for (const SimdTarget target : {SimdTarget::avx2, SimdTarget::avx512}) {
    if (target <= cxrnet::simd_target()) targets.push_back(target);
  }
  return targets;
}
