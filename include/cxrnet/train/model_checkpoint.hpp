#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/monitor.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace cxrnet {

/// Saves the model after each epoch that is the best so far, as Keras's ModelCheckpoint(save_best_only=True). `save`
/// writes it: `save_model` does so whole or not at all. What it throws ends the run.
struct ModelCheckpoint {
  Monitor monitor = Monitor::val_loss;
  std::function<void(const Classifier&, const EpochRecord&)> save{};

  // What it has seen.
  std::optional<double> best{};
  int best_epoch = 0;  ///< from 1, the last that was saved; 0: none

  [[nodiscard]] static std::string_view name() { return "model_checkpoint"; }

  void train_begin(TrainingRun& run) {
    require_measured(monitor, run, "ModelCheckpoint");
    if (!save) throw ArgumentError("ModelCheckpoint needs a function that saves the model.");
    if (run.begins()) *this = {monitor, save};
  }

  void epoch_end(TrainingRun& run, const EpochRecord& record) {
    const double value = value_of(record, monitor);
    if (!improves(monitor, value, best)) return;
    save(run.classifier(), record);
    best = value;
    best_epoch = record.epoch;
  }

  [[nodiscard]] CallbackState state() const {
    CallbackState state{{{"best_epoch", best_epoch}}, {}};
    if (best) state.numbers["best"] = *best;
    return state;
  }

  void restore(const CallbackState& state) {
    best_epoch = count_of(state, name(), "best_epoch");
    best.reset();
    if (state.numbers.contains("best")) best = number_of(state, name(), "best");
  }
};

}  // namespace cxrnet
