#include <cxrnet/train/early_stopping.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "rehearsal.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

struct Case {
  Monitor monitor;
  int patience;
  double min_delta;
  std::optional<double> baseline;
  int start_from_epoch;
  BestWeights best_weights;
  std::vector<double> values;
  int epochs;      ///< that were run
  int best_epoch;  ///< from 1
  int weights;     ///< the epoch whose weights were left

  [[nodiscard]] EarlyStopping callback() const {
    return {monitor, patience, min_delta, baseline, start_from_epoch, best_weights};
  }
};

constexpr BestWeights leave = BestWeights::leave;
constexpr BestWeights restore = BestWeights::restore;

/// What keras.callbacks.EarlyStopping of Keras 3.15.1 did with such figures.
const std::vector<Case> keras{
    {Monitor::val_loss, 1, 0, {}, 2, restore, {0.8, 0.75, 0.8, 0.7, 0.6, 0.4, 0.2, 0.1, 0.0, 0.1}, 10, 9, 9},
    {Monitor::val_loss, 4, 0, 0.8, 2, leave, {0.95, 1.0, 1.1, 1.0, 1.05, 0.85, 0.9, 0.8, 0.6, 0.55}, 7, 6, 7},
    {Monitor::val_accuracy, 0, 0, {}, 4, leave, {0.35, 0.25, 0.15, 0.25, 0.4, 0.5, 0.4, 0.3, 0.35, 0.3}, 7, 6, 7},
    {Monitor::val_loss, 3, 0, 0.5, 2, restore, {1.0, 0.8, 0.9, 0.7, 0.75, 0.65, 0.55, 0.65, 0.7, 0.8}, 5, 4, 4},
    {Monitor::val_loss, 1, 0, 0.5, 4, leave, {1.0, 0.8, 0.9, 0.85, 0.8, 0.85, 0.95, 1.05, 0.95, 0.9}, 6, 5, 6},
    {Monitor::val_accuracy, 0, 0, 0.5, 2, restore, {0.45, 0.6, 0.55, 0.6, 0.55, 0.45, 0.5, 0.55, 0.5, 0.55}, 5, 4, 4},
    {Monitor::val_loss, 0, 0, 0.5, 0, restore, {0.95, 0.85, 0.9, 0.7, 0.6, 0.4, 0.3, 0.2, 0.15, -0.05}, 3, 2, 2},
    {Monitor::val_loss, 2, 0.07, {}, 0, restore, {0.8, 0.7, 0.75, 0.85, 0.9, 0.95, 1.0, 0.8, 0.9, 0.7}, 4, 2, 2},
    {Monitor::val_accuracy, 1, 0, {}, 0, restore, {0.2, 0.35, 0.5, 0.55, 0.5, 0.65, 0.75, 0.7, 0.85, 0.75}, 5, 4, 4},
    {Monitor::val_loss, 4, 0, {}, 0, restore, {1.0, 0.8, 0.75, 0.7, 0.65, 0.6, 0.4, 0.45, 0.35, 0.15}, 10, 10, 10},
    {Monitor::val_loss, 3, 0, {}, 4, leave, {0.95, 1.0, 0.8, 0.6, 0.5, 0.6, 0.5, 0.55, 0.6, 0.5}, 8, 5, 8},
    {Monitor::val_accuracy, 0, 0, {}, 2, restore, {0.25, 0.35, 0.5, 0.4, 0.5, 0.65, 0.75, 0.8, 0.9, 0.85}, 4, 3, 3},
};

}  // namespace

TEST_CASE("EarlyStopping decides as Keras's, in one run or two", "[train_early_stopping]") {
  for (const Case& c : keras) {
    for (int cut = 0; cut < c.epochs; ++cut) {
      Rehearsal rehearsal;
      EarlyStopping first = c.callback();
      first.train_begin(rehearsal.run);
      for (int e = 1; e <= cut; ++e) rehearsal.epoch(first, e, c.monitor, c.values[static_cast<std::size_t>(e - 1)]);
      REQUIRE_FALSE(rehearsal.run.stopping());
      EarlyStopping second = c.callback();
      second.train_begin(rehearsal.run);
      second.restore(first.state());
      CHECK(second.state() == first.state());
      int epoch = cut;
      while (epoch < 10 && !rehearsal.run.stopping()) {
        ++epoch;
        rehearsal.epoch(second, epoch, c.monitor, c.values[static_cast<std::size_t>(epoch - 1)]);
      }
      second.train_end(rehearsal.run);
      CHECK(epoch == c.epochs);
      CHECK(second.best_epoch == c.best_epoch);
      CHECK(rehearsal.weights() == c.weights);
      CHECK(second.stopped_epoch == (rehearsal.run.stopping() ? c.epochs : 0));
    }
  }
}

TEST_CASE("EarlyStopping never stops after epoch 1, and NaN is never the best", "[train_early_stopping]") {
  Rehearsal rehearsal;
  EarlyStopping stopper{.patience = 0};
  stopper.train_begin(rehearsal.run);
  rehearsal.epoch(stopper, 1, Monitor::val_loss, std::numeric_limits<double>::quiet_NaN());
  CHECK_FALSE(rehearsal.run.stopping());
  CHECK_FALSE(stopper.best);
  rehearsal.epoch(stopper, 2, Monitor::val_loss, 0.5);
  CHECK_FALSE(rehearsal.run.stopping());
  rehearsal.epoch(stopper, 3, Monitor::val_loss, 0.5);
  CHECK(rehearsal.run.stop_reason() == "val_loss has not improved for 1 epochs");
  // Another run begins afresh.
  Rehearsal again;
  stopper.train_begin(again.run);
  CHECK_FALSE(stopper.best);
  CHECK(stopper.state() == EarlyStopping{}.state());
}

TEST_CASE("EarlyStopping refuses what it cannot go by", "[train_early_stopping]") {
  Rehearsal rehearsal(false);
  const auto refusal = [&](EarlyStopping stopper) {
    return message_of<ArgumentError>([&] { stopper.train_begin(rehearsal.run); });
  };
  CHECK(has(refusal({}), "EarlyStopping goes by val_loss, which this run does not measure"));
  CHECK(refusal({.monitor = Monitor::loss}) == nothing_thrown);
  CHECK(has(refusal({.monitor = Monitor::loss, .patience = -1}), "are 0 or more"));
  CHECK(has(refusal({.monitor = Monitor::loss, .min_delta = std::numeric_limits<double>::quiet_NaN()}),
                 "are 0 or more"));
  EarlyStopping stopper;
  CHECK(has(message_of<ArgumentError>([&] { stopper.restore({}); }), "'early_stopping' lacks 'best_epoch'"));
  for (const double bad : {-1.0, 1e300, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    CallbackState state = stopper.state();
    state.numbers["wait"] = bad;
    CHECK(has(message_of<ArgumentError>([&] { stopper.restore(state); }), "that is no count"));
  }
}
