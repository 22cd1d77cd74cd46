#pragma once
// The processor's own peak of f32 multiply-adds: what "times the FMA peak" is measured against.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cxrnet::peers {

namespace detail {

inline constexpr int fma_chains = 12;  // hides 2 units x 4 to 5 cycles of latency, in the 16 registers that AVX2 has

// Each chain waits for itself alone and nothing touches memory; they start at different values, or a compiler computes
// one of them for all. A macro, because a function of vectors that is compiled for less than these instructions has them
// taken apart before it can be inlined.
#define CXRNET_FMA_LOOP(name, target, width)                                            \
  target inline float name(std::int64_t rounds) {                                       \
    using Vector = float __attribute__((vector_size(width)));                           \
    Vector chains[fma_chains];                                                          \
    for (int i = 0; i < fma_chains; ++i) chains[i] = Vector{} + static_cast<float>(i);  \
    const Vector factor = Vector{} + 0.999F, addend = Vector{} + 0.5F;                  \
    for (std::int64_t round = 0; round < rounds; ++round) {                             \
      _Pragma("GCC unroll 12") for (Vector& chain : chains) chain = chain * factor + addend; \
    }                                                                                   \
    float sum = 0;                                                                      \
    for (const Vector& chain : chains) sum += chain[0];                                 \
    return sum;                                                                         \
  }

#if defined(__x86_64__)
CXRNET_FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), 64)
CXRNET_FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 32)
#endif
CXRNET_FMA_LOOP(fma_baseline, , 16)
#undef CXRNET_FMA_LOOP

struct FmaLoop {
  std::string_view name;
  float (*run)(std::int64_t rounds);
  int lanes;
};

inline FmaLoop best_fma_loop() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {"avx512f", fma_avx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"avx2", fma_avx2, 8};
#endif
  return {"baseline", fma_baseline, 4};
}

}  // namespace detail

struct FmaPeak {
  double gflops;             ///< 10^9 additions and multiplications a second, of all threads together
  std::string_view vectors;  ///< the instruction set
};

/// Runs the loop on each of OpenMP's threads for about that long, and counts from the first one's start to the last
/// one's end. The best of three such runs: what disturbs them only makes them slower.
inline FmaPeak measure_fma_peak(double seconds) {
  const detail::FmaLoop loop = detail::best_fma_loop();
  const auto timed = [&loop](std::int64_t rounds, int& threads) {
    float sum = 0;
    threads = 0;
    const auto began = std::chrono::steady_clock::now();
#pragma omp parallel reduction(+ : sum, threads)
    {
      sum += loop.run(rounds);
      ++threads;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    volatile float kept = sum;
    static_cast<void>(kept);
    return took.count();
  };
  int threads = 0;
  std::int64_t rounds = 1 << 20;
  timed(rounds, threads);  // starts the threads
  rounds = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(rounds) * seconds / 3 / timed(rounds, threads)));
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    const double took = timed(rounds, threads);
    const double operations = 2.0 * detail::fma_chains * loop.lanes * threads * static_cast<double>(rounds);
    best = std::max(best, operations / took * 1e-9);
  }
  return {best, loop.name};
}

}  // namespace cxrnet::peers
