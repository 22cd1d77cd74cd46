#include <cxrnet/train/learning_rate.hpp>
#include <cxrnet/train/scheduled_rate.hpp>

#include "data_fixtures.hpp"
#include "rehearsal.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("A scheduled rate is set before each step by the steps made", "[train_scheduled_rate]") {
  const Warmup<StepDecay> schedule{0, 2, {.initial = 0.1, .every = 3, .factor = 0.5}};
  Rehearsal rehearsal;
  ScheduledRate callback(schedule);
  const std::vector<float> features(12, 1.0F);
  const std::vector<float> target{1, 0};
  for (int part = 0; part < 2; ++part) {  // the second goes on where the first stopped
    callback.train_begin(rehearsal.run);
    for (int step = 0; step < 6; ++step) {
      callback.batch_begin(rehearsal.run);
      CHECK(rehearsal.net.learning_rate() == schedule(static_cast<std::uint64_t>(part * 6 + step)));
      rehearsal.net.step(std::span(features).first(rehearsal.net.description().features.size()), target);
    }
  }
  rehearsal.net.set_learning_rate(0.7);
  CHECK(has(message_of<ArgumentError>([&] { callback.batch_begin(rehearsal.run); }), "set by something else"));
  ScheduledRate constant([](std::uint64_t) { return 0.25; });
  constant.batch_begin(rehearsal.run);
  CHECK(rehearsal.net.learning_rate() == 0.25);
}
