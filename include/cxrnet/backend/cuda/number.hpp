#pragma once
#include <cxrnet/backend/cuda/graph.hpp>

#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __CUDACC__
#include <cuda_fp16.h>
/// Functions that the host and the device both have: kernels are tested on the host, from the same source.
#define CXRNET_BOTH __host__ __device__
#else
#define CXRNET_BOTH
#endif

// What maps hold on the device: numbers that are stored in two or four bytes and computed with in float.
namespace cxrnet::cuda {

/// IEEE binary16, rounded to nearest, ties to even.
struct Float16 {
  std::uint16_t bits;
};
/// The upper half of a float, rounded to nearest, ties to even.
struct BFloat16 {
  std::uint16_t bits;
};

namespace detail {

CXRNET_BOTH inline std::uint32_t bits_of(float x) {
  std::uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
CXRNET_BOTH inline float float_of(std::uint32_t bits) {
  float x = 0;
  memcpy(&x, &bits, sizeof x);
  return x;
}

CXRNET_BOTH inline Float16 half_of(float x) {
#ifdef __CUDA_ARCH__
  return {__half_as_ushort(__float2half_rn(x))};
#else
  const std::uint32_t sign = (bits_of(x) >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits_of(x) & 0x7FFFFFFFU;
  std::uint32_t rounded = 0;
  if (magnitude > 0x7F800000U) {
    rounded = 0x7FFFU;
  } else if (magnitude >= 0x477FF000U) {  // 65520 and more
    rounded = 0x7C00U;
  } else if (magnitude < 0x38800000U) {  // a half without an exponent: the last place of 0.5 is its own
    rounded = bits_of(float_of(magnitude) + 0.5F) - bits_of(0.5F);
  } else {
    rounded = (magnitude + 0xFFFU + ((magnitude >> 13U) & 1U) - 0x38000000U) >> 13U;
  }
  return {static_cast<std::uint16_t>(sign | rounded)};
#endif
}

CXRNET_BOTH inline BFloat16 bfloat16_of(float x) {
  const std::uint32_t bits = bits_of(x);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return {static_cast<std::uint16_t>((bits >> 16U) | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U)};
}

}  // namespace detail

CXRNET_BOTH inline float to_float(float x) { return x; }
CXRNET_BOTH inline float to_float(BFloat16 x) { return detail::float_of(static_cast<std::uint32_t>(x.bits) << 16U); }
CXRNET_BOTH inline float to_float(Float16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  const std::uint32_t sign = (x.bits & 0x8000U) << 16U, exponent = (x.bits >> 10U) & 31U, fraction = x.bits & 0x3FFU;
  if (exponent == 0) return detail::float_of(detail::bits_of(static_cast<float>(fraction) * 0x1p-24F) | sign);
  return detail::float_of(sign | (exponent == 31 ? 0x7F800000U : (exponent + 112) << 23U) | fraction << 13U);
#endif
}

/// x as a T: Float16, BFloat16 or float; or the byte nearest to it, where it is 0 to 255.
template <class T>
CXRNET_BOTH inline T number(float x) {
  if constexpr (std::is_same_v<T, Float16>) return detail::half_of(x);
  else if constexpr (std::is_same_v<T, BFloat16>) return detail::bfloat16_of(x);
  else if constexpr (std::is_same_v<T, std::uint8_t>) return static_cast<std::uint8_t>(x + 0.5F);
  else return x;
}

/// Several numbers, read and written as one: 16 bytes of neighbouring channels.
template <class T, int lanes>
struct alignas(sizeof(T) * lanes) Pack {
  T at[lanes];
};

/// What maps of these numbers are made of.
template <Number number>
using Storage = std::conditional_t<number == Number::half, Float16, std::conditional_t<number == Number::bfloat16, BFloat16, float>>;

}  // namespace cxrnet::cuda
