#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <experimental/simd>
#include <span>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace cxrnet {

// Loops over long runs of numbers. The standard library's simd (Parallelism TS 2) makes them fast at any optimisation
// level, and its square root is the processor's, exact as std::sqrt.

/// Calls `run(first, last)` for 0 .. count in blocks of `grain`, the last one smaller: on OpenMP's threads in a program
/// compiled with OpenMP, one after the other elsewhere. Blocks are the same for any number of threads. `run` throws
/// nothing.
template <class Run>
void parallel_for(std::size_t count, std::size_t grain, Run run) {
  const std::size_t blocks = (count + grain - 1) / grain;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (blocks > 1)
#endif
  for (std::size_t block = 0; block < blocks; ++block) run(block * grain, std::min((block + 1) * grain, count));
}

/// Threads that `for_each_item` may use: OpenMP's in a program compiled with it.
inline int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Calls `run(item, thread)` for 0 .. count, in any order, on up to `threads` of OpenMP's threads; `thread` is below
/// that. `run` throws nothing.
template <class Run>
void for_each_item(std::size_t count, [[maybe_unused]] std::size_t threads, Run run) {
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(static_cast<int>(threads)) if (count > 1 && threads > 1)
  for (std::size_t item = 0; item < count; ++item) run(item, static_cast<std::size_t>(omp_get_thread_num()));
#else
  for (std::size_t item = 0; item < count; ++item) run(item, std::size_t{0});
#endif
}

/// Numbers in a block that is worth a thread.
inline constexpr std::size_t parallel_grain = 1 << 15;

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
