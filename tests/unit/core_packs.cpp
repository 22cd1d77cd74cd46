#include <cxrnet/core/packs.hpp>

#include "catch.hpp"

#include <limits>
#include <vector>

using namespace cxrnet;

TEST_CASE("Packs cover every number once", "[core_packs]") {
  for (std::size_t count = 0; count < 70; ++count) {
    std::vector<double> numbers(count, 2);
    for_packs<double>(count, [&]<class Pack>(Pack, std::size_t i) {
      store_pack(load_pack<Pack>(&numbers[i]) * load_pack<Pack>(&numbers[i]), &numbers[i]);
    });
    CHECK(numbers == std::vector<double>(count, 4));
  }
}

TEST_CASE("A number that is not finite is found wherever it stands", "[core_packs]") {
  const std::size_t count = 2 * parallel_grain + 13;
  std::vector<float> numbers(count, std::numeric_limits<float>::max());
  CHECK(all_finite<float>(numbers));
  CHECK(all_finite<float>({}));
  for (const std::size_t at : {std::size_t{0}, parallel_grain - 1, parallel_grain, count - 14, count - 1}) {
    for (const float odd : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
      CAPTURE(at, odd);
      numbers[at] = odd;
      CHECK_FALSE(all_finite<float>(numbers));
    }
    numbers[at] = std::numeric_limits<float>::denorm_min();
  }
  CHECK(all_finite<float>(numbers));
}
