#pragma once
#include <cxrnet/core/parallel.hpp>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <experimental/simd>
#include <span>

namespace cxrnet {

// Loops over long runs of numbers. The standard library's simd (Parallelism TS 2) makes them fast at any optimisation
// level, and its square root is the processor's, exact as std::sqrt. Its header takes a compiler
// more than the rest of core/, so that only what trains includes this one.

/// Calls `step(pack, i)` over 0 .. count, i the first number of a pack: as many as a register holds, then one by one.
/// `pack` only gives the type, for `load_pack` and arithmetic.
template <class Scalar, class Step>
void for_packs(std::size_t count, Step step) {
  namespace simd = std::experimental;
  using Pack = simd::native_simd<Scalar>;
  std::size_t i = 0;
  for (; i + Pack::size() <= count; i += Pack::size()) step(Pack(), i);
  for (; i < count; ++i) step(simd::simd<Scalar, simd::simd_abi::scalar>(), i);
}

template <class Pack>
Pack load_pack(const typename Pack::value_type* numbers) {
  return Pack(numbers, std::experimental::element_aligned);
}
template <class Pack>
void store_pack(const Pack& pack, typename Pack::value_type* numbers) {
  pack.copy_to(numbers, std::experimental::element_aligned);
}

/// Whether every number is finite.
template <class Scalar>
bool all_finite(std::span<const Scalar> numbers) {
  std::atomic<bool> finite = true;
  parallel_for(numbers.size(), parallel_grain, [&](std::size_t first, std::size_t last) {
    // Zero times a number is NaN where that is not finite, and a sum keeps it.
    Scalar odd = 0;
    std::experimental::native_simd<Scalar> sum = 0;
    for_packs<Scalar>(last - first, [&]<class Pack>(Pack, std::size_t i) {
      const Pack zero = load_pack<Pack>(numbers.data() + first + i) * Scalar{0};
      if constexpr (Pack::size() == 1) odd += zero[0];
      else sum += zero;
    });
    if (!std::isfinite(odd + std::experimental::reduce(sum))) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace cxrnet
