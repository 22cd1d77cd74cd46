#include <cxrnet/metrics/interval.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Wilson's interval is SciPy's", "[metrics]") {
  struct Case {
    std::size_t successes, trials;
    double low, high;
  };
  // scipy.stats.binomtest(k, n).proportion_ci(method='wilson')
  for (const Case& c : {Case{10, 20, 0.2992980081982124, 0.7007019918017876},
                        Case{48, 60, 0.682181941943721, 0.881714946771025}, Case{0, 7, 0.0, 0.35433043506668743},
                        Case{7, 7, 0.6456695649333126, 1.0}, Case{151, 200, 0.6909575644379659, 0.8094313191096282}}) {
    const Interval interval = wilson_interval(c.successes, c.trials);
    CHECK(interval.low == Approx(c.low).margin(1e-12));
    CHECK(interval.high == Approx(c.high).margin(1e-12));
  }
}

TEST_CASE("No trials say nothing", "[metrics]") {
  CHECK(wilson_interval(0, 0).low == 0.0);
  CHECK(wilson_interval(0, 0).high == 1.0);
}

TEST_CASE("Wilson's interval stays in [0, 1] for very many trials", "[metrics]") {
  const Interval all = wilson_interval(1'000'000'000'000, 1'000'000'000'000);
  CHECK(all.high == 1.0);
  CHECK(all.low > 0.999999);
  CHECK(all.low < 1.0);
}
