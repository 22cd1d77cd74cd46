#include <cxrnet/train/learning_rate.hpp>

#include "catch.hpp"

#include <utility>
#include <vector>

using namespace cxrnet;

namespace {

using Points = std::vector<std::pair<std::uint64_t, double>>;

void check(const RateSchedule auto& schedule, const Points& points) {
  for (const auto& [step, rate] : points) {
    CAPTURE(step);
    CHECK(schedule(step) == Approx(rate).epsilon(5e-7));  // Keras computes some of them in float32
  }
}

}  // namespace

// What keras.optimizers.schedules of Keras 3.15.1 gives at these steps.
TEST_CASE("Schedules are Keras's", "[train_learning_rate]") {
  check(ExponentialDecay{0.1, 10, 0.5}, {{0, 0.1}, {5, 0.07071067811865477}, {10, 0.05}, {25, 0.01767766952966369}});
  check(StepDecay{0.1, 10, 0.5}, {{0, 0.1}, {9, 0.1}, {10, 0.05}, {25, 0.025}});
  check(CosineDecay{0.1, 10, 0.2},
        {{0, 0.1}, {3, 0.08351141214370728}, {5, 0.06}, {10, 0.02}, {15, 0.02}});
  // CosineDecay(0.01, 10, alpha=0.2, warmup_target=0.1, warmup_steps=4)
  check(Warmup<CosineDecay>{0.01, 4, {0.1, 10, 0.2}},
        {{0, 0.01}, {1, 0.0325}, {3, 0.0775}, {4, 0.1}, {9, 0.06}, {14, 0.02}, {20, 0.02}});
}

TEST_CASE("A warm-up goes before any schedule", "[train_learning_rate]") {
  check(ConstantRate{0.3}, {{0, 0.3}, {1'000'000'000'000, 0.3}});
  check(Warmup<ConstantRate>{0, 2, {0.3}}, {{0, 0}, {1, 0.15}, {2, 0.3}, {9, 0.3}});
  check(Warmup<Warmup<StepDecay>>{0, 2, {0.2, 2, {0.4, 1, 0.5}}}, {{1, 0.1}, {2, 0.2}, {3, 0.3}, {4, 0.4}, {5, 0.2}});
}

TEST_CASE("A schedule of no steps is refused", "[train_learning_rate]") {
  CHECK_THROWS_AS((ExponentialDecay{.every = 0}(1)), ArgumentError);
  CHECK_THROWS_AS((StepDecay{.every = 0}(1)), ArgumentError);
  CHECK_THROWS_AS((CosineDecay{.steps = 0}(0)), ArgumentError);
  CHECK_THROWS_AS((Warmup<ConstantRate>{.steps = 0, .then = {}}(0)), ArgumentError);
}
