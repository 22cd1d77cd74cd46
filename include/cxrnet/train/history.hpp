#pragma once
#include <limits>
#include <vector>

namespace cxrnet {

/// What one epoch of training left behind. NaN: not measured (no validation set, say).
struct EpochRecord {
  int epoch = 0;  ///< From 1.
  double loss = std::numeric_limits<double>::quiet_NaN();      ///< Mean over the epoch's samples.
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< Mean over the epoch's samples, in [0, 1].
  double val_loss = std::numeric_limits<double>::quiet_NaN();
  double val_accuracy = std::numeric_limits<double>::quiet_NaN();
  /// Area under the ROC curve on the validation set: see `mean_roc_auc`.
  double val_auc = std::numeric_limits<double>::quiet_NaN();
  double seconds = std::numeric_limits<double>::quiet_NaN();  ///< Training and validation together.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
};

/// The epochs of a training run, in order.
struct History {
  std::vector<EpochRecord> epochs;

  /// One figure over the epochs: `history.column(&EpochRecord::val_loss)`.
  [[nodiscard]] std::vector<double> column(double EpochRecord::*figure) const {
    std::vector<double> values;
    values.reserve(epochs.size());
    for (const EpochRecord& record : epochs) values.push_back(record.*figure);
    return values;
  }
};

}  // namespace cxrnet
