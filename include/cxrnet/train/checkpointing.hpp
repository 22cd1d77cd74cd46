#pragma once
#include <cxrnet/io/checkpoint.hpp>
#include <cxrnet/train/callback.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace cxrnet {

/// When checkpoints are written within an epoch.
struct CheckpointInterval {
  std::uint64_t steps = 0;           ///< after so many steps of an epoch, and again; 0: not by steps
  std::chrono::seconds seconds{60};  ///< after the first step that ends so long after the last checkpoint; 0: not by time
};

/// A callback that writes a checkpoint after every epoch, when training is stopped, and within epochs at intervals. To
/// continue: `FitOptions::resume` with the state that `read_checkpoint(folder)` gives. What it cannot write ends the run.
class Checkpointing {
 public:
  /// `metadata` go into each checkpoint: what a run that continues must find unchanged.
  explicit Checkpointing(std::filesystem::path folder, std::map<std::string, std::string> metadata = {},
                         CheckpointInterval interval = {})
      : folder_(std::move(folder)), metadata_(std::move(metadata)), interval_(interval) {}

  void train_begin(TrainingRun&) { written_ = Clock::now(); }
  void epoch_end(TrainingRun&, const EpochRecord&) { epoch_ended_ = true; }

  void resumable(TrainingRun& run) {
    const bool due = std::exchange(epoch_ended_, false) || run.stopping() ||
                     (interval_.steps > 0 && run.step() % interval_.steps == 0) ||
                     (interval_.seconds.count() > 0 && Clock::now() - written_ >= interval_.seconds);
    if (!due) return;
    write_checkpoint(folder_, run.snapshot(), metadata_);
    written_ = Clock::now();
    ++count_;
  }

  /// Checkpoints written in this process.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path folder_;
  std::map<std::string, std::string> metadata_;
  CheckpointInterval interval_;
  Clock::time_point written_ = Clock::now();
  bool epoch_ended_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace cxrnet
