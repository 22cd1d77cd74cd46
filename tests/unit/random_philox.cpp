#include <cxrnet/random/philox.hpp>

#include "catch.hpp"

#include <set>
#include <vector>

using namespace cxrnet;

TEST_CASE("Philox4x32-10 gives Random123's known answers", "[random]") {
  using Block = std::array<std::uint32_t, 4>;
  STATIC_REQUIRE(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  STATIC_REQUIRE(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
                 Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  STATIC_REQUIRE(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
                 Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is a function of seed, use, epoch and sample", "[random]") {
  const auto start = [](std::uint64_t seed, RandomUse use, std::uint32_t epoch, std::uint32_t sample) {
    RandomStream stream(seed, use, epoch, sample);
    std::vector<std::uint32_t> values(9);
    for (auto& value : values) value = stream.bits();
    return values;
  };
  const auto base = start(1, RandomUse::transform, 2, 3);
  CHECK(base == start(1, RandomUse::transform, 2, 3));
  std::set<std::vector<std::uint32_t>> different{base,
                                                 start(2, RandomUse::transform, 2, 3),
                                                 start(1 + (std::uint64_t{1} << 32U), RandomUse::transform, 2, 3),
                                                 start(1, RandomUse::order, 2, 3),
                                                 start(1, RandomUse::transform, 3, 3),
                                                 start(1, RandomUse::transform, 2, 4)};
  CHECK(different.size() == 6);
}

TEST_CASE("uniform numbers are uniform", "[random]") {
  RandomStream stream(7, RandomUse::dropout, 0, 0);
  double sum = 0.0;
  double squares = 0.0;
  std::array<int, 6> counts{};
  constexpr int draws = 60000;
  for (int i = 0; i < draws; ++i) {
    const double value = stream.uniform(-1.0, 3.0);
    REQUIRE((value >= -1.0 && value < 3.0));
    sum += value;
    squares += value * value;
    ++counts[stream.below(6)];
  }
  CHECK(sum / draws == Approx(1.0).margin(0.02));
  CHECK(squares / draws == Approx(1.0 + 16.0 / 12.0).margin(0.04));
  double chi_squared = 0.0;
  for (const int count : counts) chi_squared += (count - 10000.0) * (count - 10000.0) / 10000.0;
  CHECK(chi_squared < 20.5);  // Five degrees of freedom: one seed in a thousand exceeds this.
  CHECK(stream.below(1) == 0);
}
