#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/monitor.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

/// What becomes of a run's last parameters when it ends: they stay, or make way for those of its best epoch.
enum class BestWeights { leave, restore };

/// Ends training once the figure has not improved for `patience` epochs, with the decisions of Keras 3's EarlyStopping:
/// never after epoch 1, and the best weights are restored however the run ends. Except that a figure that is NaN is
/// never the best, where Keras takes a first NaN for one. A run that is resumed where this had ended it ends again.
struct EarlyStopping {
  Monitor monitor = Monitor::val_loss;
  int patience = 0;
  double min_delta = 0;              ///< less than that is no improvement
  std::optional<double> baseline{};  ///< an improvement that is no better than this does not restart the patience
  int start_from_epoch = 0;          ///< so many epochs are not looked at
  BestWeights best_weights = BestWeights::leave;

  // What it has seen.
  std::optional<double> best{};
  int best_epoch = 0;     ///< from 1; 0: none
  int wait = 0;           ///< epochs without improvement
  int stopped_epoch = 0;  ///< after which it ended the run; 0: none
  std::vector<float> best_parameters{};  ///< see `changing_parameters`

  [[nodiscard]] static std::string_view name() { return "early_stopping"; }

  void train_begin(TrainingRun& run) {
    require_measured(monitor, run, "EarlyStopping");
    if (patience < 0 || start_from_epoch < 0 || !(min_delta >= 0)) {
      throw ArgumentError("EarlyStopping's patience, min_delta and start_from_epoch are 0 or more.");
    }
    if (run.begins()) *this = {monitor, patience, min_delta, baseline, start_from_epoch, best_weights};
    if (stopped_epoch > 0 && wait >= patience) stop(run);
  }

  void epoch_end(TrainingRun& run, const EpochRecord& record) {
    if (record.epoch <= start_from_epoch) return;
    const double value = value_of(record, monitor);
    if (best_weights == BestWeights::restore && best_parameters.empty()) keep(run, record);
    ++wait;
    if (improves(monitor, value, best, min_delta)) {
      best = value;
      keep(run, record);
      if (!baseline || improves(monitor, value, baseline, min_delta)) wait = 0;
      return;
    }
    if (wait < patience || record.epoch == 1) return;
    stopped_epoch = record.epoch;
    stop(run);
  }

  void train_end(TrainingRun& run) {
    if (best_weights == BestWeights::leave || best_parameters.empty()) return;
    Classifier& net = run.classifier();
    std::vector<float> all(net.parameters().begin(), net.parameters().end());
    put_changing_parameters(net.description(), best_parameters, all);
    net.set_parameters(all);
  }

  [[nodiscard]] CallbackState state() const {
    CallbackState state{{{"best_epoch", best_epoch}, {"wait", wait}, {"stopped_epoch", stopped_epoch}},
                        best_parameters};
    if (best) state.numbers["best"] = *best;
    return state;
  }

  void restore(const CallbackState& state) {
    best_epoch = count_of(state, name(), "best_epoch");
    wait = count_of(state, name(), "wait");
    stopped_epoch = count_of(state, name(), "stopped_epoch");
    best.reset();
    if (state.numbers.contains("best")) best = number_of(state, name(), "best");
    best_parameters = state.values;
  }

 private:
  void keep(TrainingRun& run, const EpochRecord& record) {
    best_epoch = record.epoch;
    if (best_weights == BestWeights::leave) return;
    best_parameters = changing_parameters(run.classifier().description(), run.classifier().parameters());
  }

  void stop(TrainingRun& run) const {
    run.stop(std::string(name_of(monitor)) + " has not improved for " + std::to_string(wait) + " epochs");
  }
};

}  // namespace cxrnet
