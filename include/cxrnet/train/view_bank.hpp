#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/schedule.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/features.hpp>
#include <cxrnet/train/fit_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet {

/// The features of augmented images by epoch: collected while an epoch computes them, kept in memory for the later epochs
/// that take the same view (FitOptions::views), and in the cache for later runs. Within FitOptions::feature_memory; what
/// does not fit is computed again, to the same bits.
class ViewBank {
 public:
  /// Referred to: `net`, `images`, `schedule` and `options`.
  ViewBank(const Classifier& net, const ImageDataset& images, const Schedule& schedule, const FitOptions& options)
      : net_(net),
        images_(images),
        schedule_(schedule),
        options_(options),
        width_(net.description().features.size()),
        sets_(features_are_images(net.description()) || options.sampling != Sampling::natural
                  ? 0
                  : options.feature_memory / sizeof(float) / width_ / images.size()) {}

  /// The features of every image in an epoch (from 0), in the data set's order; empty where they are to be computed.
  [[nodiscard]] std::span<const float> find(std::uint32_t epoch) {
    current_.clear();
    filled_ = 0;
    filling_ = false;
    view_ = options_.views > 0 ? epoch % static_cast<std::uint32_t>(options_.views) : epoch;
    if (const auto kept = kept_.find(view_); kept != kept_.end()) return kept->second;
    if (sets_ == 0) return {};
    if (options_.cache != nullptr) {
      key_ = key(epoch);
      if (auto found = options_.cache->find(key_, images_.size(), width_)) {
        current_ = std::move(*found);
        return keep();
      }
    }
    filling_ = options_.cache != nullptr || has_room();
    return {};
  }

  /// Whether the epoch that was not found is to be added.
  [[nodiscard]] bool filling() const { return filling_; }

  /// Takes a batch of the epoch that was not found. Once every image has come, the view is kept.
  void add(std::span<const std::uint32_t> indices, std::span<const float> features) {
    if (!filling_) return;
    current_.resize(images_.size() * width_);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      std::ranges::copy(features.subspan(i * width_, width_),
                        current_.begin() + static_cast<std::ptrdiff_t>(indices[i] * width_));
    }
    filled_ += indices.size();
    if (filled_ < images_.size()) return;
    filling_ = false;
    if (options_.cache != nullptr) options_.cache->store(key_, images_.size(), width_, current_);
    static_cast<void>(keep());
  }

 private:
  /// For one more view beside the epoch's own.
  [[nodiscard]] bool has_room() const { return options_.views > 0 && kept_.size() + 1 < sets_; }

  std::span<const float> keep() {
    if (!has_room()) return current_;
    return kept_[view_] = std::exchange(current_, {});
  }

  std::string key(std::uint32_t epoch) {
    if (!keys_) keys_.emplace(net_, *options_.cache);
    std::vector<ScheduledSample> plan;
    schedule_.plan(epoch, images_.size(), options_.batch, plan);
    std::vector<TransformParameters> transforms(images_.size());
    for (const ScheduledSample& sample : plan) transforms[sample.index] = sample.transform;
    return keys_->of(images_, net_.prepare_augmented(), transforms);
  }

  const Classifier& net_;
  const ImageDataset& images_;
  const Schedule& schedule_;
  const FitOptions& options_;
  std::size_t width_;
  std::size_t sets_;  // of all images' features that memory may hold
  std::map<std::uint32_t, std::vector<float>> kept_;
  std::optional<FeatureKeys> keys_;
  std::uint32_t view_ = 0;  // of the epoch at hand, as all below
  std::string key_;
  std::vector<float> current_;
  std::size_t filled_ = 0;
  bool filling_ = false;
};

}  // namespace cxrnet
