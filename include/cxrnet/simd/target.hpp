#pragma once
#include <cstdlib>
#include <string_view>

namespace cxrnet {

/// The instruction sets that our own kernels are compiled for. `baseline` is whatever the compiler was asked for (SSE2 on
/// x86-64, NEON on AArch64): each kernel runs everywhere.
enum class SimdTarget { baseline, avx2, avx512 };

inline constexpr std::string_view name_of(SimdTarget target) {
  constexpr std::string_view names[] = {"baseline", "avx2", "avx512"};
  return names[static_cast<int>(target)];
}

namespace detail {

inline SimdTarget detect_simd_target() {
#if defined(__x86_64__)
  const char* const limit = std::getenv("CXRNET_SIMD");
  const std::string_view allowed = limit == nullptr ? "avx512" : limit;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (allowed == "avx512" && avx512) return SimdTarget::avx512;
  if (allowed != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return SimdTarget::avx2;
#endif
  return SimdTarget::baseline;
}

}  // namespace detail

/// The best of them that this processor has. The environment variable CXRNET_SIMD (`avx2`, `baseline`) keeps to less.
inline SimdTarget simd_target() {
  static const SimdTarget target = detail::detect_simd_target();
  return target;
}

/// Whether the processor adds four products of bytes in one instruction of its widest vectors.
inline bool has_byte_products() {
#if defined(__x86_64__)
  return simd_target() == SimdTarget::avx512 && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

}  // namespace cxrnet
