#include <cxrnet/train/reduce_on_plateau.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "rehearsal.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

struct Case {
  Monitor monitor;
  double factor;
  int patience;
  double min_delta;
  int cooldown;
  double min_rate;
  std::vector<double> values;
  std::vector<double> rates;  ///< after each epoch

  [[nodiscard]] ReduceOnPlateau callback() const { return {monitor, factor, patience, min_delta, cooldown, min_rate}; }
};

/// What keras.callbacks.ReduceLROnPlateau of Keras 3.15.1 did with such figures, from a rate of 0.1.
const std::vector<Case> keras{
    {Monitor::val_loss, 0.5, 3, 0, 1, 0.02, {0.8, 0.6, 0.7, 0.8, 0.6, 0.55, 0.6, 0.7, 0.5, 0.6},
     {0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05}},
    {Monitor::val_loss, 0.1, 2, 0.0001, 0, 0.03, {1.0, 1.05, 1.15, 1.05, 0.85, 0.8, 0.9, 0.85, 0.65, 0.6},
     {0.1, 0.1, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03}},
    {Monitor::val_loss, 0.5, 2, 0, 2, 0.0, {0.95, 1.05, 1.1, 1.2, 1.15, 1.25, 1.35, 1.3, 1.35, 1.25},
     {0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125, 0.0125}},
    {Monitor::val_accuracy, 0.5, 2, 0.0001, 0, 0.0, {0.25, 0.2, 0.35, 0.45, 0.4, 0.35, 0.5, 0.65, 0.6, 0.65},
     {0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025}},
    {Monitor::val_loss, 0.1, 0, 0.07, 2, 0.03, {0.8, 0.9, 0.95, 0.75, 0.65, 0.45, 0.55, 0.45, 0.4, 0.2},
     {0.1, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03}},
    {Monitor::val_loss, 0.5, 0, 0.0001, 1, 0.03, {0.7, 0.5, 0.6, 0.5, 0.3, 0.25, 0.15, 0.1, -0.0, -0.2},
     {0.1, 0.1, 0.05, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03}},
    {Monitor::val_loss, 0.5, 3, 0.07, 2, 0.0, {0.75, 0.85, 0.95, 1.0, 0.85, 0.95, 0.8, 0.8, 0.75, 0.75},
     {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025}},
    {Monitor::val_accuracy, 0.1, 1, 0.07, 1, 0.02, {0.35, 0.4, 0.45, 0.35, 0.5, 0.4, 0.55, 0.6, 0.7, 0.65},
     {0.1, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02}},
};

}  // namespace

TEST_CASE("ReduceOnPlateau sets Keras's rates, in one run or two", "[train_reduce_on_plateau]") {
  for (const Case& c : keras) {
    for (std::size_t cut = 0; cut < c.values.size(); ++cut) {
      Rehearsal rehearsal;
      ReduceOnPlateau callback = c.callback();
      callback.train_begin(rehearsal.run);
      for (std::size_t e = 0; e < c.values.size(); ++e) {
        if (e == cut) {
          const CallbackState state = callback.state();
          callback = c.callback();
          callback.restore(state);
          CHECK(callback.state() == state);
        }
        rehearsal.epoch(callback, static_cast<int>(e + 1), c.monitor, c.values[e]);
        CHECK(rehearsal.net.learning_rate() == Approx(c.rates[e]));
      }
      CHECK_FALSE(rehearsal.run.stopping());
      CHECK(callback.best);
      callback.train_begin(rehearsal.run);  // another run begins afresh
      CHECK(callback.state() == c.callback().state());
    }
  }
}

TEST_CASE("ReduceOnPlateau refuses what raises the rate or is not measured", "[train_reduce_on_plateau]") {
  Rehearsal rehearsal(false);
  const auto refusal = [&](ReduceOnPlateau callback) {
    return message_of<ArgumentError>([&] { callback.train_begin(rehearsal.run); });
  };
  CHECK(has(refusal({}), "goes by val_loss, which this run does not measure"));
  CHECK(has(refusal({.monitor = Monitor::loss, .factor = 1}), "at least 0 and below 1"));
  CHECK(has(refusal({.monitor = Monitor::loss, .patience = -1}), "at least 0 and below 1"));
  CHECK(refusal({.monitor = Monitor::accuracy}) == nothing_thrown);
}
