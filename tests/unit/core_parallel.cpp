#include <cxrnet/core/parallel.hpp>

#include "catch.hpp"

#include <atomic>
#include <vector>

using namespace cxrnet;

TEST_CASE("Every number belongs to one block, for any grain", "[core_parallel]") {
  for (const std::size_t count : {0U, 1U, 4U, 5U, 99U, 1000U}) {
    for (const std::size_t grain : {1U, 4U, 1000U, 5000U}) {
      std::vector<int> times(count, 0);
      std::atomic<bool> blocks = true;
      parallel_for(count, grain, [&](std::size_t first, std::size_t last) {
        if (first % grain != 0 || (last - first != grain && last != count)) blocks = false;
        for (std::size_t i = first; i < last; ++i) ++times[i];
      });
      CHECK(blocks);
      CHECK(times == std::vector<int>(count, 1));
    }
  }
}
