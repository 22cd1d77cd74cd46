#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/loader.hpp>
#include <cxrnet/data/schedule.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/features.hpp>
#include <cxrnet/train/fit_options.hpp>
#include <cxrnet/train/view_bank.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cxrnet::detail {

[[nodiscard]] inline FeatureOptions feature_options(const FitOptions& options) {
  return {options.threads, options.profile, options.stop, options.cache, options.feature_memory};
}

/// What comes out of the layers before the cut, step by step of a training: computed from the loader's images, or taken
/// from what is known of them.
class TrainingFeatures {
 public:
  /// One step's, valid until the next.
  struct Step {
    std::span<const float> features;
    std::span<const std::uint32_t> indices;
  };

  /// All are referred to.
  TrainingFeatures(const Classifier& net, const ImageDataset& images, const Schedule& schedule, const FitOptions& options)
      : net_(net),
        images_(images),
        schedule_(schedule),
        options_(options),
        width_(net.description().features.size()),
        once_(net.static_images() && !features_are_images(net.description()) &&
              images.size() <= options.feature_memory / sizeof(float) / width_),
        bank_(net, images, schedule, options) {}

  /// Whether `compute_once` is due before the first step: no transform changes the images, and their features fit.
  [[nodiscard]] bool once() const { return once_; }
  void compute_once() {
    const auto start = Clock::now();
    all_ = features_of(net_, images_, feature_options(options_));
    backbone_seconds_ += seconds(start, Clock::now());
  }

  /// A step (from 0) of an epoch (from 0); they are asked for in order, from any on.
  Step next(std::uint32_t epoch, std::size_t step) {
    begin(epoch);
    return known_.empty() ? computed(epoch, step) : gathered(step);
  }

  /// Whether an epoch's features need not come to the host: its images go straight to a classifier that stages them.
  bool stay(std::uint32_t epoch) {
    begin(epoch);
    return net_.stages() && known_.empty() && !bank_.filling() && options_.profile == nullptr;
  }
  /// The images of a step of such an epoch into `to`, the classifier at hand; which they are. Asked for in order, as `next`.
  std::vector<std::uint32_t> stage(std::uint32_t epoch, std::size_t step, Classifier& to) {
    const Batch& batch = loaded(epoch, step);
    to.stage(batch.prepared());
    return {batch.indices.begin(), batch.indices.end()};
  }

  /// Spent in the layers before the cut, and waiting for images.
  [[nodiscard]] double backbone_seconds() const { return backbone_seconds_; }
  [[nodiscard]] double waiting_seconds() const { return waiting_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  void begin(std::uint32_t epoch) {
    if (begun_ == epoch) return;
    begun_ = epoch;
    known_ = once_ ? std::span<const float>(all_) : bank_.find(epoch);
    if (known_.empty()) return;
    loader_.reset();
    schedule_.plan(epoch, images_.size(), options_.batch, plan_);
  }

  const Batch& loaded(std::uint32_t epoch, std::size_t step) {
    if (!loader_) {
      loader_.emplace(images_, schedule_, net_.prepare_augmented(),
                      LoaderOptions{.batch = options_.batch,
                                    .threads = options_.threads,
                                    .first_epoch = epoch,
                                    .first_batch = step,
                                    .epochs = static_cast<std::uint32_t>(options_.epochs) - epoch});
    }
    const auto asked = Clock::now();
    const Batch* batch = loader_->next();
    if (batch == nullptr) batch = loader_->next();  // the end of the epoch before
    waiting_seconds_ += seconds(asked, Clock::now());
    return *batch;
  }

  Step computed(std::uint32_t epoch, std::size_t step) {
    const Batch* const batch = &loaded(epoch, step);
    const auto got = Clock::now();
    const Step result{features_of_batch(net_, batch->prepared(), features_, options_.profile), batch->indices};
    backbone_seconds_ += seconds(got, Clock::now());
    bank_.add(result.indices, result.features);
    return result;
  }

  Step gathered(std::size_t step) {
    features_.clear();
    indices_.clear();
    const std::size_t first = step * options_.batch;
    for (std::size_t i = first; i < std::min(first + options_.batch, plan_.size()); ++i) {
      const auto row = known_.subspan(plan_[i].index * width_, width_);
      features_.insert(features_.end(), row.begin(), row.end());
      indices_.push_back(plan_[i].index);
    }
    return {features_, indices_};
  }

  const Classifier& net_;
  const ImageDataset& images_;
  const Schedule& schedule_;
  const FitOptions& options_;
  std::size_t width_;
  bool once_;
  ViewBank bank_;
  std::optional<std::uint32_t> begun_;     // the epoch at hand
  std::vector<float> all_;                 // of images that do not change
  std::span<const float> known_;           // of the epoch at hand, by image; empty where they are computed
  std::vector<ScheduledSample> plan_;      // of the epoch at hand, where they are known
  std::optional<Loader> loader_;
  std::vector<float> features_;            // of a step, as its images
  std::vector<std::uint32_t> indices_;
  double backbone_seconds_ = 0;
  double waiting_seconds_ = 0;
};

}  // namespace cxrnet::detail
