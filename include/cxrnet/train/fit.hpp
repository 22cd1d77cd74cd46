#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/loader.hpp>
#include <cxrnet/data/schedule.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/history.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// Whose random numbers order and augment the training images: a counter's, a function of (seed, epoch, sample); or
/// the ones that Keras's generator draws from numpy with the same seed.
enum class RandomNumbers { counter, keras };

struct FitOptions {
  int epochs = 10;
  std::size_t batch = 32;
  std::uint64_t seed = 0;
  RandomNumbers random_numbers = RandomNumbers::counter;
  unsigned threads = 0;                       ///< that decode and augment; 0: one for each processor
  const std::atomic<bool>* stop = nullptr;    ///< looked at after each step, and while features are computed
  Profile* profile = nullptr;                 ///< gets the time of each operation before the cut
};

/// Sees a training run go by; every function may be left as it is.
class FitObserver {
 public:
  virtual ~FitObserver() = default;
  /// Before the first epoch, where no image ever changes: the features of so many are computed once.
  virtual void features_begin(std::size_t /*images*/) {}
  /// Epochs count from 1.
  virtual void epoch_begin(int /*epoch*/, int /*epochs*/, std::size_t /*steps*/) {}
  /// After a step: samples seen in the epoch, means over them.
  virtual void batch_end(std::size_t /*step*/, std::size_t /*samples*/, double /*loss*/, double /*accuracy*/) {}
  virtual void validation_begin() {}
  virtual void epoch_end(const EpochRecord& /*record*/) {}
};

struct FitResult {
  History history;
  std::size_t steps = 0;           ///< of training that were made
  bool stopped = false;            ///< by FitOptions::stop; the last epoch may lack its validation
  double backbone_seconds = 0;     ///< spent in the layers before the cut
  double waiting_seconds = 0;      ///< spent waiting for images
  double step_seconds = 0;         ///< spent in the layers behind the cut: forward, backward, optimiser
};

/// The features of every image of a data set in its own order, without augmentation; the same each time. Once `stop`
/// is true it ends, and the rest are zero.
inline std::vector<float> features_of(const Classifier& net, const ImageDataset& images, unsigned threads = 0,
                                      Profile* profile = nullptr, const std::atomic<bool>* stop = nullptr) {
  const std::size_t width = net.description().features.size();
  std::vector<float> features(images.size() * width);
  Loader loader(images, Schedule::sequential(), net.prepare(),
                {.batch = static_cast<std::size_t>(net.capacity()), .threads = threads, .epochs = 1});
  while (const Batch* batch = loader.next()) {
    if (stop != nullptr && *stop) break;
    net.features(batch->images, std::span(features).subspan(batch->first * width, batch->size() * width), profile);
  }
  return features;
}

/// Class probabilities of every image of a data set in its own order, n x classes.
inline std::vector<float> predict_all(const Classifier& net, const ImageDataset& images, unsigned threads = 0) {
  std::vector<float> probabilities(images.size() * net.description().output.size());
  net.predict(features_of(net, images, threads), probabilities);
  return probabilities;
}

namespace detail {

/// The targets of a data set, n x outputs.
inline std::vector<float> targets_of(const ImageDataset& images, std::size_t outputs) {
  std::vector<int> labels(images.size());
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = images.label(i);
  std::vector<float> targets(labels.size() * outputs);
  one_hot(labels, targets);
  return targets;
}

/// The training run of `fit`.
class Fitting {
 public:
  Fitting(Classifier& net, const ImageDataset& train, const ImageDataset* validation, const FitOptions& options,
          FitObserver& observer)
      : net_(net), train_(train), validation_(validation), options_(options), observer_(observer) {
    if (options.epochs < 1 || options.batch < 1 || options.batch > static_cast<std::size_t>(net.capacity())) {
      throw ArgumentError("Training needs at least 1 epoch and batches of 1 to " + std::to_string(net.capacity()) +
                          " images.");
    }
    check(train);
    if (validation != nullptr) check(*validation);
    width_ = net.description().features.size();
    // Images that no transform changes, before layers that do not train: their features are computed once.
    features_once_ = net.static_images() && net.description().cut > 0;
  }

  FitResult run() {
    const ImageSize size = train_.image_size();
    const Schedule schedule = options_.random_numbers == RandomNumbers::keras
                                  ? Schedule::keras(options_.seed, net_.draws(), size)
                                  : Schedule::counter(options_.seed, net_.draws(), size);
    if (features_once_) {
      run_on_features(schedule);
    } else {
      run_on_images(schedule);
    }
    return std::move(result_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// ArgumentError where the network takes other images, or has fewer classes.
  void check(const ImageDataset& images) const {
    const Description& network = net_.description();
    const ImageSize size = images.image_size();
    if (network.input != image_dims(size.height, size.width, 3)) {
      throw ArgumentError("The network takes images of " + std::to_string(network.input.height) + " x " +
                          std::to_string(network.input.width) + " x " + std::to_string(network.input.channels) +
                          ", the data set '" + images.root().string() + "' gives " + std::to_string(size.height) +
                          " x " + std::to_string(size.width) + " x 3: set DatasetOptions::size.");
    }
    if (images.classes().size() > network.output.size()) {
      throw ArgumentError("The data set '" + images.root().string() + "' has " +
                          std::to_string(images.classes().size()) + " classes, the network " +
                          std::to_string(network.output.size()) + ".");
    }
  }

  void run_on_images(const Schedule& schedule) {
    Loader loader(train_, schedule, net_.prepare_augmented(),
                  {.batch = options_.batch, .threads = options_.threads, .epochs = static_cast<std::uint32_t>(options_.epochs)});
    std::vector<float> features(options_.batch * width_);
    for (int epoch = 1; epoch <= options_.epochs && !result_.stopped; ++epoch) {
      begin(epoch, loader.batches_per_epoch());
      while (true) {
        const auto asked = Clock::now();
        const Batch* batch = loader.next();
        const auto got = Clock::now();
        result_.waiting_seconds += seconds(asked, got);
        if (batch == nullptr) break;
        const auto here = std::span(features).first(batch->size() * width_);
        net_.features(batch->images, here, options_.profile);
        result_.backbone_seconds += seconds(got, Clock::now());
        step(here, batch->labels, batch->indices);
        if (result_.stopped) return;
      }
      end(epoch);
    }
  }

  void run_on_features(const Schedule& schedule) {
    observer_.features_begin(train_.size());
    const auto start = Clock::now();
    const std::vector<float> all = features_of(net_, train_, options_.threads, options_.profile, options_.stop);
    result_.backbone_seconds += seconds(start, Clock::now());
    std::vector<ScheduledSample> plan;
    std::vector<float> features;
    std::vector<int> labels;
    std::vector<std::uint32_t> indices;
    for (int epoch = 1; epoch <= options_.epochs && !result_.stopped; ++epoch) {
      schedule.plan(static_cast<std::uint32_t>(epoch - 1), train_.size(), options_.batch, plan);
      begin(epoch, (plan.size() + options_.batch - 1) / options_.batch);
      for (std::size_t first = 0; first < plan.size(); first += options_.batch) {
        features.clear();
        labels.clear();
        indices.clear();
        for (std::size_t i = first; i < std::min(first + options_.batch, plan.size()); ++i) {
          const float* row = all.data() + plan[i].index * width_;
          features.insert(features.end(), row, row + width_);
          labels.push_back(train_.label(plan[i].index));
          indices.push_back(plan[i].index);
        }
        step(features, labels, indices);
        if (result_.stopped) return;
      }
      end(epoch);
    }
  }

  void begin(int epoch, std::size_t steps) {
    epoch_start_ = Clock::now();
    sums_ = {};
    samples_ = 0;
    step_ = 0;
    observer_.epoch_begin(epoch, options_.epochs, steps);
  }

  void step(std::span<const float> features, std::span<const int> labels, std::span<const std::uint32_t> indices) {
    if (options_.stop != nullptr && *options_.stop) {
      result_.stopped = true;
      return;
    }
    const auto start = Clock::now();
    targets_.resize(labels.size() * net_.description().output.size());
    one_hot(labels, targets_);
    const StepResult now = net_.step(features, targets_);
    result_.step_seconds += seconds(start, Clock::now());
    if (!std::isfinite(now.loss_sum)) fail(indices);
    ++result_.steps;
    sums_.loss_sum += now.loss_sum;
    sums_.correct += now.correct;
    samples_ += labels.size();
    const auto n = static_cast<double>(samples_);
    observer_.batch_end(++step_, samples_, sums_.loss_sum / n, sums_.correct / n);
  }

  void end(int epoch) {
    const auto n = static_cast<double>(samples_);
    EpochRecord record{.epoch = epoch, .loss = sums_.loss_sum / n, .accuracy = sums_.correct / n};
    record.learning_rate = net_.learning_rate();
    if (validation_ != nullptr) validate(record);
    record.seconds = seconds(epoch_start_, Clock::now());
    result_.history.epochs.push_back(record);
    observer_.epoch_end(record);
  }

  void validate(EpochRecord& record) {
    observer_.validation_begin();
    const auto start = Clock::now();
    // What is before the cut does not train, so that these never change.
    if (validation_features_.empty()) {
      validation_features_ = features_of(net_, *validation_, options_.threads, options_.profile, options_.stop);
      validation_targets_ = targets_of(*validation_, net_.description().output.size());
      result_.stopped = options_.stop != nullptr && *options_.stop;
    }
    result_.backbone_seconds += seconds(start, Clock::now());
    if (result_.stopped) return;
    std::vector<float> probabilities(validation_targets_.size());
    net_.predict(validation_features_, probabilities);
    const StepResult result = net_.score(probabilities, validation_targets_);
    record.val_loss = result.loss_sum / static_cast<double>(validation_->size());
    record.val_accuracy = result.correct / static_cast<double>(validation_->size());
  }

  [[noreturn]] void fail(std::span<const std::uint32_t> indices) const {
    std::string names;
    for (const std::uint32_t index : indices) names += (names.empty() ? "" : ", ") + train_.name(index);
    throw TrainingError("The loss is not finite after a batch of these images, so training stopped: " + names +
                        ". Look at them, or lower the learning rate.");
  }

  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  Classifier& net_;
  const ImageDataset& train_;
  const ImageDataset* validation_;
  const FitOptions& options_;
  FitObserver& observer_;
  std::size_t width_ = 0;
  bool features_once_ = false;
  FitResult result_;
  Clock::time_point epoch_start_;
  StepResult sums_;
  std::size_t samples_ = 0;
  std::size_t step_ = 0;
  std::vector<float> validation_features_;
  std::vector<float> validation_targets_;
  std::vector<float> targets_;  // of a batch
};

}  // namespace detail

/// Trains `net` on class folders as Keras's `fit` does: shuffled and augmented batches, validation (may be null) after
/// each epoch. Throws what reading the images throws, and TrainingError where the loss is not finite.
inline FitResult fit(Classifier& net, const ImageDataset& train, const ImageDataset* validation,
                     const FitOptions& options = {}, FitObserver* observer = nullptr) {
  FitObserver silent;
  return detail::Fitting(net, train, validation, options, observer != nullptr ? *observer : silent).run();
}

}  // namespace cxrnet
