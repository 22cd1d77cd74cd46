#pragma once
#include "common/run_record.hpp"
#include "variants/variants.hpp"

#include <cxrnet/data/dataset.hpp>
#include <cxrnet/report/progress.hpp>
#include <cxrnet/train/callbacks.hpp>

#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

// What the programs that train share.
namespace cxrnet::programs {

/// The images of a training run, opened for one network.
struct RunImages {
  std::unique_ptr<ImageDataset> train;
  std::unique_ptr<ImageDataset> validation;
  std::unique_ptr<ImageDataset> test;  ///< null where the settings name none
  int positive = 0;                    ///< the class that the figures are about
};

/// Opens what the settings name. DataError where the classes do not fit the network or one another, ArgumentError where
/// the positive class is none.
RunImages open_run_images(const TrainSettings& settings, const Description& network);

/// Decodes the validation and test images, so that a bad one is known before the training, and hashes every file.
InputHashes read_inputs(const TrainSettings& settings, const RunImages& images);

/// The precision that `auto` stands for on this processor, and says so; any other as it is.
std::string chosen_precision(const TrainSettings& settings);

/// What the settings ask for of rates and early stopping, in a training of so many epochs on so many images.
Callbacks callbacks_of(const TrainSettings& settings, int epochs, std::size_t images);

/// A callback that shows the run on standard output as Keras users know it.
class ShowProgress {
 public:
  void features_begin(TrainingRun&, std::size_t images) const {
    std::cout << "The features of " << images << " images come first, once: nothing changes them from epoch to epoch.\n"
              << std::flush;
  }
  void epoch_begin(TrainingRun& run) {
    progress_->on_epoch_begin(run.epoch(), run.epochs(), static_cast<int>(run.steps_per_epoch()));
    seen_ = run.samples();
  }
  void batch_end(TrainingRun& run) {
    progress_->on_batch_end(static_cast<int>(run.step()), static_cast<int>(run.samples() - seen_), run.loss(),
                            run.accuracy());
    seen_ = run.samples();
  }
  void validation_begin(TrainingRun&) { progress_->on_validation_begin(); }
  void epoch_end(TrainingRun&, const EpochRecord& record) { progress_->on_epoch_end(record); }

 private:
  std::unique_ptr<Progress> progress_ = std::make_unique<Progress>(std::cout);
  std::size_t seen_ = 0;
};

}  // namespace cxrnet::programs
