#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/monitor.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace cxrnet {

/// Multiplies the learning rate once the figure has not improved for `patience` epochs: Keras's ReduceLROnPlateau, with
/// its defaults, for rates in double precision. NaN never improves.
struct ReduceOnPlateau {
  Monitor monitor = Monitor::val_loss;
  double factor = 0.1;
  int patience = 10;
  double min_delta = 1e-4;  ///< less than that is no improvement
  int cooldown = 0;         ///< epochs after a reduction in which none are counted
  double min_rate = 0;      ///< the rate falls no lower

  // What it has seen.
  std::optional<double> best{};
  int wait = 0;           ///< epochs without improvement
  int cooldown_left = 0;  ///< epochs

  [[nodiscard]] static std::string_view name() { return "reduce_on_plateau"; }

  void train_begin(TrainingRun& run) {
    require_measured(monitor, run, "ReduceOnPlateau");
    if (!(factor >= 0 && factor < 1) || patience < 0 || cooldown < 0 || !(min_delta >= 0) || !(min_rate >= 0)) {
      throw ArgumentError(
          "ReduceOnPlateau's factor is at least 0 and below 1; its patience, min_delta, cooldown and min_rate are 0 or "
          "more.");
    }
    if (run.begins()) *this = {monitor, factor, patience, min_delta, cooldown, min_rate};
  }

  void epoch_end(TrainingRun& run, const EpochRecord& record) {
    const double value = value_of(record, monitor);
    if (cooldown_left > 0) {
      --cooldown_left;
      wait = 0;
    }
    if (improves(monitor, value, best, min_delta)) {
      best = value;
      wait = 0;
      return;
    }
    if (cooldown_left > 0 || ++wait < patience) return;
    const double rate = run.classifier().learning_rate();
    if (!(rate > min_rate)) return;
    run.classifier().set_learning_rate(std::max(rate * factor, min_rate));
    cooldown_left = cooldown;
    wait = 0;
  }

  [[nodiscard]] CallbackState state() const {
    CallbackState state{{{"wait", wait}, {"cooldown_left", cooldown_left}}, {}};
    if (best) state.numbers["best"] = *best;
    return state;
  }

  void restore(const CallbackState& state) {
    wait = count_of(state, name(), "wait");
    cooldown_left = count_of(state, name(), "cooldown_left");
    best.reset();
    if (state.numbers.contains("best")) best = number_of(state, name(), "best");
  }
};

}  // namespace cxrnet
