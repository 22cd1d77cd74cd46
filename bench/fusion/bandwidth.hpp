#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>

namespace cxrnet::fusion {

/// Bytes a second of STREAM's triad a = b + s c (McCalpin 1995) on all of OpenMP's threads: 12 bytes for each float, as
/// STREAM counts. Three arrays of that many bytes, which should be beyond the caches; the best of the runs that fit into
/// about `seconds`, five at least: what disturbs them only makes them slower.
inline double measure_triad(std::size_t bytes, double seconds) {
  const auto count = static_cast<std::ptrdiff_t>(bytes / sizeof(float));
  const auto array = [count] { return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count)); };
  const auto a = array(), b = array(), c = array();
#pragma omp parallel for schedule(static)
  for (std::ptrdiff_t i = 0; i < count; ++i) {  // each thread's pages where it is
    a[i] = 0.0F;
    b[i] = 1.0F;
    c[i] = 2.0F;
  }
  double best = 0, spent = 0;
  for (int run = 0; run < 5 || spent < seconds; ++run) {
    const auto began = std::chrono::steady_clock::now();
#pragma omp parallel for simd schedule(static)
    for (std::ptrdiff_t i = 0; i < count; ++i) a[i] = b[i] + 3.0F * c[i];
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const volatile float kept = a[count / 2];
    static_cast<void>(kept);
    spent += took.count();
    best = std::max(best, 3.0 * static_cast<double>(count) * sizeof(float) / took.count());
  }
  return best;
}

}  // namespace cxrnet::fusion
