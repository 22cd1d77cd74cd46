#include <cxrnet/random/mt19937_legacy.hpp>

#include "catch.hpp"

#include <vector>

using namespace cxrnet;

TEST_CASE("numpy's legacy generator, number for number", "[random]") {
  // np.random.seed(7): permutation(10), uniform(-20, 20), random(), uniform(0.8, 1.2, 2), permutation(5).
  LegacyRandomState random(7);
  std::vector<std::uint32_t> order(10);
  random.permutation(order);
  CHECK(order == std::vector<std::uint32_t>{8, 5, 0, 2, 1, 9, 7, 3, 6, 4});
  CHECK(random.uniform(-20.0, 20.0) == -17.11795466560954);
  CHECK(random.random_sample() == 0.26843898010187117);
  CHECK(random.uniform(0.8, 1.2) == Approx(0.9999530003302239).epsilon(1e-15));
  CHECK(random.uniform(0.8, 1.2) == Approx(1.0716919984483761).epsilon(1e-15));
  order.resize(5);
  random.permutation(order);
  CHECK(order == std::vector<std::uint32_t>{1, 3, 2, 0, 4});

  LegacyRandomState largest(4294967295U);
  CHECK(largest.random_sample() == 0.0976320289940138);
}

TEST_CASE("the shortest permutations", "[random]") {
  LegacyRandomState random(1);
  std::vector<std::uint32_t> order;
  random.permutation(order);
  CHECK(order.empty());
  order.resize(1, 9);
  random.permutation(order);
  CHECK(order == std::vector<std::uint32_t>{0});
}
