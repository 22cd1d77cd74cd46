#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

namespace cxrnet {

/// Sets the learning rate before each step to what a schedule gives for the steps that the optimiser has made, as
/// Keras's LearningRateSchedule. Nothing else may set it: ArgumentError where something has, ReduceOnPlateau say.
template <class Schedule>
  requires requires(const Schedule& schedule, std::uint64_t steps) {
    { schedule(steps) } -> std::convertible_to<double>;
  }
class ScheduledRate {
 public:
  explicit ScheduledRate(Schedule schedule) : schedule_(std::move(schedule)) {}

  void train_begin(TrainingRun&) { last_.reset(); }

  void batch_begin(TrainingRun& run) {
    Classifier& net = run.classifier();
    if (last_ && net.learning_rate() != *last_) {
      throw ArgumentError("The learning rate follows a schedule and was set by something else as well: choose one.");
    }
    last_ = schedule_(net.steps());
    net.set_learning_rate(*last_);
  }

 private:
  Schedule schedule_;
  std::optional<double> last_;
};

}  // namespace cxrnet
