#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/history.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cxrnet {

/// The figure of an epoch by which callbacks decide. A loss is better lower, the others higher.
enum class Monitor { loss, accuracy, val_loss, val_accuracy, val_auc };

[[nodiscard]] constexpr std::string_view name_of(Monitor monitor) {
  switch (monitor) {
    case Monitor::loss: return "loss";
    case Monitor::accuracy: return "accuracy";
    case Monitor::val_loss: return "val_loss";
    case Monitor::val_accuracy: return "val_accuracy";
    case Monitor::val_auc: break;
  }
  return "val_auc";
}

[[nodiscard]] constexpr double value_of(const EpochRecord& record, Monitor monitor) {
  switch (monitor) {
    case Monitor::loss: return record.loss;
    case Monitor::accuracy: return record.accuracy;
    case Monitor::val_loss: return record.val_loss;
    case Monitor::val_accuracy: return record.val_accuracy;
    case Monitor::val_auc: break;
  }
  return record.val_auc;
}

/// Whether `value` is better than `reference` by more than `min_delta`; without a reference anything is. NaN, what was
/// not measured, is never better.
[[nodiscard]] constexpr bool improves(Monitor monitor, double value, std::optional<double> reference,
                                      double min_delta = 0) {
  if (value != value) return false;
  if (!reference) return true;
  const bool lower = monitor == Monitor::loss || monitor == Monitor::val_loss;
  return lower ? value + min_delta < *reference : value - min_delta > *reference;
}

/// ArgumentError where a run will not measure what `who` is to decide by.
inline void require_measured(Monitor monitor, const TrainingRun& run, std::string_view who) {
  if (run.validates() || !name_of(monitor).starts_with("val_")) return;
  throw ArgumentError(std::string(who) + " goes by " + std::string(name_of(monitor)) +
                      ", which this run does not measure: give it validation images, or choose loss or accuracy.");
}

}  // namespace cxrnet
