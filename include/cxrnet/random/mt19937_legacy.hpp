#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <utility>

namespace cxrnet {

/// numpy's legacy RandomState, which Keras draws from: the same numbers after the same `np.random.seed(seed)`.
class LegacyRandomState {
 public:
  explicit LegacyRandomState(std::uint32_t seed) : engine_(seed) {}

  /// `random_sample()`: in [0, 1), 53 bits.
  double random_sample() {
    const auto high = static_cast<std::uint32_t>(engine_()) >> 5U;
    const auto low = static_cast<std::uint32_t>(engine_()) >> 6U;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  /// `uniform(low, high)`.
  double uniform(double low, double high) { return low + (high - low) * random_sample(); }

  /// `permutation(n)`, n = order.size(): the numbers 0 to n - 1, shuffled.
  void permutation(std::span<std::uint32_t> order) {
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[interval(static_cast<std::uint32_t>(i))]);
  }

 private:
  /// In [0, max]: masked to the bits of `max`, and drawn again while larger.
  std::uint32_t interval(std::uint32_t max) {
    const auto mask = static_cast<std::uint32_t>(std::bit_ceil(std::uint64_t{max} + 1) - 1);
    std::uint32_t value = 0;
    do {
      value = static_cast<std::uint32_t>(engine_()) & mask;
    } while (value > max);
    return value;
  }

  std::mt19937 engine_;
};

}  // namespace cxrnet
