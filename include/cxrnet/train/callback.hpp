#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/training_state.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace cxrnet {

namespace detail {
class Fitting;
}

/// A training run as its callbacks see it, and what they may do with it.
class TrainingRun {
 public:
  struct Plan {
    int epochs = 1;
    std::size_t steps = 1;  ///< in each epoch
    bool validates = false;
  };

  using States = std::map<std::string, CallbackState>;

  /// `fit` makes one; tests of a callback may too. `states` gives what all callbacks carry, for the snapshot.
  TrainingRun(Classifier& classifier, Plan plan, std::function<States()> states = {})
      : classifier_(&classifier), plan_(plan), states_(std::move(states)) {}

  /// Its rates and parameters may be changed in any hook.
  [[nodiscard]] Classifier& classifier() { return *classifier_; }
  [[nodiscard]] const Classifier& classifier() const { return *classifier_; }

  [[nodiscard]] int epochs() const { return plan_.epochs; }
  [[nodiscard]] std::size_t steps_per_epoch() const { return plan_.steps; }
  /// Whether there is a validation set.
  [[nodiscard]] bool validates() const { return plan_.validates; }

  /// Of the epoch under way: its number from 1, steps made, samples seen, and their mean loss and accuracy.
  [[nodiscard]] int epoch() const { return epoch_; }
  [[nodiscard]] std::size_t step() const { return step_; }
  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] double loss() const { return sums_.loss_sum / static_cast<double>(samples_); }
  [[nodiscard]] double accuracy() const { return static_cast<double>(sums_.correct) / static_cast<double>(samples_); }

  /// The epochs completed.
  [[nodiscard]] const History& history() const { return history_; }

  /// Whether nothing has been trained yet: false from the start in a run that is resumed.
  [[nodiscard]] bool begins() const { return completed_ == 0 && step_ == 0; }

  /// Ends training before the next step; after an epoch's last step, once it has been validated. The first reason
  /// stands.
  void stop(std::string reason) {
    if (!stopping()) reason_ = std::move(reason);
  }
  [[nodiscard]] bool stopping() const { return !reason_.empty(); }
  [[nodiscard]] const std::string& stop_reason() const { return reason_; }

  /// Everything that training continues from. Only in Callback::resumable, ArgumentError elsewhere.
  [[nodiscard]] TrainingState snapshot() const {
    if (!resumable_) {
      throw ArgumentError(
          "A run's snapshot is whole only in the hook `resumable`, once every callback has seen the step.");
    }
    TrainingState state{.steps = classifier_->steps(),
                        .epoch = completed_,
                        .batches = step_,
                        .samples = samples_,
                        .sums = sums_,
                        .learning_rate = classifier_->learning_rate(),
                        .parameters = changing_parameters(classifier_->description(), classifier_->parameters()),
                        .optimizer_state = {},
                        .history = history_,
                        .callbacks = {}};
    const auto kept = classifier_->optimizer_state();
    state.optimizer_state.assign(kept.begin(), kept.end());
    if (states_) state.callbacks = states_();
    return state;
  }

 private:
  friend class detail::Fitting;

  Classifier* classifier_;
  Plan plan_;
  std::function<States()> states_;
  int epoch_ = 0;
  int completed_ = 0;  // epochs
  std::size_t step_ = 0;
  std::size_t samples_ = 0;
  StepResult sums_;
  History history_;
  std::string reason_;
  bool resumable_ = false;
};

/// What is called while a network trains. A callback need not derive from this: see `Callbacks`. Hooks of several are
/// called in the order in which they are listed; what a hook throws ends the run.
class Callback {
 public:
  Callback() = default;
  virtual ~Callback() = default;

  /// Once, after `restore` where a run is resumed.
  virtual void train_begin(TrainingRun&) {}
  /// Where no image ever changes: the features of so many are computed, once.
  virtual void features_begin(TrainingRun&, std::size_t /*images*/) {}
  /// Also where a run is resumed within an epoch, with `step()` steps made.
  virtual void epoch_begin(TrainingRun&) {}
  virtual void batch_begin(TrainingRun&) {}
  virtual void batch_end(TrainingRun&) {}
  virtual void validation_begin(TrainingRun&) {}
  /// `record` is the last of the run's history.
  virtual void epoch_end(TrainingRun&, const EpochRecord&) {}
  /// After a step, and again after an epoch, once every callback has seen it: the points a run can be resumed from,
  /// where `snapshot()` may be called. The last before `train_end` is one where `stopping()`, or the last epoch's.
  virtual void resumable(TrainingRun&) {}
  /// However the run ends, unless by an exception.
  virtual void train_end(TrainingRun&) {}

  /// Under which its state is kept.
  [[nodiscard]] virtual std::string_view name() const { return {}; }
  /// All that its later decisions depend on; `restore` takes it in a run that is resumed.
  [[nodiscard]] virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState&) {}

 protected:
  Callback(const Callback&) = default;
  Callback(Callback&&) = default;
  Callback& operator=(const Callback&) = default;
  Callback& operator=(Callback&&) = default;
};

}  // namespace cxrnet
