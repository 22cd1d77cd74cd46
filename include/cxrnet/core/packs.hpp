#pragma once
#include <cxrnet/core/parallel.hpp>

#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>

namespace cxrnet {

// Loops over long runs of numbers, fast at any optimisation level: g++'s and clang's own vectors, which every instruction
// set has. (The standard library's <experimental/simd> takes a compiler 2 s and 200 MB.)

namespace detail {

template <class Scalar>
struct Vector16 {
  using type __attribute__((vector_size(16))) = Scalar;
};

}  // namespace detail

/// Calls `step(pack, i)` over 0 .. count, i the first number of a pack: 16 bytes of them, then one by one. `pack` only
/// gives the type, for `load_pack` and arithmetic; where it is a single number, it is a Scalar itself.
template <class Scalar, class Step>
void for_packs(std::size_t count, Step step) {
  using Pack = typename detail::Vector16<Scalar>::type;
  constexpr std::size_t size = sizeof(Pack) / sizeof(Scalar);
  std::size_t i = 0;
  for (; i + size <= count; i += size) step(Pack(), i);
  for (; i < count; ++i) step(Scalar(), i);
}

template <class Pack, class Scalar>
Pack load_pack(const Scalar* numbers) {
  Pack pack;
  __builtin_memcpy(&pack, numbers, sizeof(Pack));
  return pack;
}
template <class Pack, class Scalar>
void store_pack(const Pack& pack, Scalar* numbers) {
  __builtin_memcpy(numbers, &pack, sizeof(Pack));
}

/// The square root of each number.
template <class Pack>
Pack sqrt_of(Pack pack) {
  if constexpr (std::floating_point<Pack>) {
    return std::sqrt(pack);
  } else {
    for (std::size_t k = 0; k < sizeof(Pack) / sizeof(pack[0]); ++k) pack[k] = std::sqrt(pack[k]);
    return pack;
  }
}

/// Whether every number is finite.
template <class Scalar>
bool all_finite(std::span<const Scalar> numbers) {
  std::atomic<bool> finite = true;
  parallel_for(numbers.size(), parallel_grain, [&](std::size_t first, std::size_t last) {
    // Zero times a number is NaN where that is not finite, and a sum keeps it.
    Scalar odd = 0;
    typename detail::Vector16<Scalar>::type sum{};
    for_packs<Scalar>(last - first, [&]<class Pack>(Pack, std::size_t i) {
      const Pack zero = load_pack<Pack>(numbers.data() + first + i) * Scalar{0};
      if constexpr (std::floating_point<Pack>) odd += zero;
      else sum += zero;
    });
    for (std::size_t k = 0; k < sizeof(sum) / sizeof(Scalar); ++k) odd += sum[k];
    if (!std::isfinite(odd)) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace cxrnet
