#pragma once
#include <array>
#include <cstdint>

namespace cxrnet {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): 128 random bits, a pure
/// function of counter and key.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                                std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// What random numbers are for: streams of different uses never meet.
enum class RandomUse : std::uint32_t { transform = 1, order = 2, weights = 3, dropout = 4 };

/// The stream of random numbers that belongs to (seed, use, epoch, sample), whoever draws it and when.
class RandomStream {
 public:
  constexpr RandomStream(std::uint64_t seed, RandomUse use, std::uint32_t epoch, std::uint32_t sample)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)},
        counter_{0, sample, epoch, static_cast<std::uint32_t>(use)} {}

  /// 32 random bits.
  constexpr std::uint32_t bits() {
    if (used_ == 4) {
      block_ = philox4x32(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// In [0, 1), 53 bits.
  constexpr double uniform() {
    const std::uint64_t high = bits() >> 5U;
    const std::uint64_t low = bits() >> 6U;
    return static_cast<double>(high << 26U | low) * 0x1p-53;
  }

  /// In [low, high).
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// An integer in [0, count), each equally likely; count > 0.
  constexpr std::uint32_t below(std::uint32_t count) {
    // Lemire's method: the few values that would favour some results are drawn again.
    std::uint64_t product = std::uint64_t{bits()} * count;
    const std::uint32_t threshold = (0U - count) % count;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{bits()} * count;
    return static_cast<std::uint32_t>(product >> 32U);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  std::uint32_t used_ = 4;
};

}  // namespace cxrnet
