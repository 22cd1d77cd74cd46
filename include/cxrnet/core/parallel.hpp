#pragma once
#include <algorithm>
#include <cstddef>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace cxrnet {

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

}  // namespace cxrnet
