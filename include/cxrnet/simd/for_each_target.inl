// Includes CXRNET_KERNELS once for each SimdTarget, in the namespaces simd_baseline, simd_avx2 and simd_avx512 within the
// one that is open, each compiled for its instructions. CXRNET_SIMD_BYTES is a register's size, CXRNET_SIMD_REGISTERS how
// many there are. What the kernels include comes before; they use no lambdas, which clang would compile for less.
#if defined(__clang__)
#define CXRNET_SIMD_POP _Pragma("clang attribute pop")
#define CXRNET_SIMD_AVX2 _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c,bmi2\"))), apply_to = function)")
#define CXRNET_SIMD_AVX512 \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi2\"))), apply_to = function)")
#else
#define CXRNET_SIMD_POP _Pragma("GCC pop_options")
#define CXRNET_SIMD_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma,f16c,bmi2\")")
#define CXRNET_SIMD_AVX512 \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi2,prefer-vector-width=512\")")
#endif

#define CXRNET_SIMD_BYTES 16
#if defined(__aarch64__)
#define CXRNET_SIMD_REGISTERS 32
#else
#define CXRNET_SIMD_REGISTERS 16
#endif
namespace simd_baseline {
#include CXRNET_KERNELS
}
#undef CXRNET_SIMD_BYTES
#undef CXRNET_SIMD_REGISTERS

#if defined(__x86_64__)
#define CXRNET_SIMD_BYTES 32
#define CXRNET_SIMD_REGISTERS 16
CXRNET_SIMD_AVX2
namespace simd_avx2 {
#include CXRNET_KERNELS
}
CXRNET_SIMD_POP
#undef CXRNET_SIMD_BYTES
#undef CXRNET_SIMD_REGISTERS

#define CXRNET_SIMD_BYTES 64
#define CXRNET_SIMD_REGISTERS 32
CXRNET_SIMD_AVX512
namespace simd_avx512 {
#include CXRNET_KERNELS
}
CXRNET_SIMD_POP
#undef CXRNET_SIMD_BYTES
#undef CXRNET_SIMD_REGISTERS
#endif

#undef CXRNET_SIMD_POP
#undef CXRNET_SIMD_AVX2
#undef CXRNET_SIMD_AVX512
#undef CXRNET_KERNELS
