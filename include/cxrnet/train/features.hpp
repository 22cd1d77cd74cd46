#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/loader.hpp>
#include <cxrnet/data/schedule.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/feature_keys.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet {

struct FeatureOptions {
  unsigned threads = 0;                     ///< that decode; 0: one for each processor
  Profile* profile = nullptr;               ///< gets the time of each operation before the cut
  const std::atomic<bool>* stop = nullptr;  ///< once true, no further batch is begun
  FeatureStore* cache = nullptr;            ///< gives what it has, and gets what was computed; null: none
  std::size_t memory = std::size_t{1} << 30;  ///< of features that `predict_all` may hold to keep them in the cache
};

/// Whether nothing is computed before the cut, so that features are the prepared images themselves.
[[nodiscard]] inline bool features_are_images(const Description& network) {
  return std::ranges::none_of(network.operations, [&](const op::Operation& o) { return o.layer < network.cut; });
}

/// What the layers before the cut give for prepared images: the images themselves, or `features`, filled.
[[nodiscard]] inline std::span<const float> features_of_batch(const Classifier& net, const PreparedImages& prepared,
                                                              std::vector<float>& features, Profile* profile) {
  const Description& network = net.description();
  if (features_are_images(network)) return prepared.floats;
  features.resize(prepared.size() / network.input.size() * network.features.size());
  net.features(prepared, features, profile);
  return features;
}

namespace detail {

/// visit(first, features, predict) for batch after batch, where predict(features, probabilities) is the classifier's.
template <class Visit>
bool visit_features(const Classifier& net, const ImageDataset& images, const FeatureOptions& options, const Visit& visit) {
  Loader loader(images, Schedule::sequential(), net.prepare(),
                {.batch = static_cast<std::size_t>(net.capacity()), .threads = options.threads, .epochs = 1});
  const auto ahead = options.profile == nullptr ? net.features_ahead() : nullptr;
  const auto predict = [&](std::span<const float> features, std::span<float> probabilities) {
    if (ahead != nullptr) ahead->predict(features, probabilities);
    else net.predict(features, probabilities);
  };
  std::vector<float> features;
  struct { std::size_t first = 0, size = 0; } given;  // not taken yet
  const auto take = [&] {
    if (given.size == 0) return;
    features.resize(given.size * net.description().features.size());
    ahead->take(features);
    visit(given.first, std::span<const float>(features), predict);
  };
  while (const Batch* batch = loader.next()) {
    if (options.stop != nullptr && *options.stop) return false;
    if (ahead == nullptr) {
      visit(batch->first, features_of_batch(net, batch->prepared(), features, options.profile), predict);
      continue;
    }
    ahead->give(batch->prepared());
    take();
    given = {batch->first, batch->size()};
  }
  take();
  return true;
}

}  // namespace detail

/// `visit(first, features)` for batch after batch of a data set in its own order, without augmentation: the same each
/// time. False where `options.stop` ended it.
template <class Visit>
bool for_each_features(const Classifier& net, const ImageDataset& images, const FeatureOptions& options,
                       const Visit& visit) {
  return detail::visit_features(net, images, options, [&](std::size_t first, std::span<const float> features, const auto&) {
    visit(first, features);
  });
}

namespace detail {

/// All features, out of the cache where it has them. False where `options.stop` ended it: the rest are zero.
inline bool find_or_compute(const Classifier& net, const ImageDataset& images, const FeatureOptions& options,
                            std::vector<float>& all) {
  const std::size_t width = net.description().features.size();
  const bool cached = options.cache != nullptr && !features_are_images(net.description());
  std::string key;
  if (cached) {
    key = FeatureKeys(net, *options.cache).of(images, net.prepare());
    if (auto found = options.cache->find(key, images.size(), width)) {
      all = std::move(*found);
      return true;
    }
  }
  all.assign(images.size() * width, 0.0F);
  const bool whole = for_each_features(net, images, options, [&](std::size_t first, std::span<const float> features) {
    std::copy(features.begin(), features.end(), all.begin() + static_cast<std::ptrdiff_t>(first * width));
  });
  if (cached && whole) options.cache->store(key, images.size(), width, all);
  return whole;
}

}  // namespace detail

/// The features of every image of a data set. Once `options.stop` is true it ends, and the rest are zero.
inline std::vector<float> features_of(const Classifier& net, const ImageDataset& images,
                                      const FeatureOptions& options = {}) {
  std::vector<float> all;
  detail::find_or_compute(net, images, options, all);
  return all;
}

/// Probabilities of every image of a data set, n x outputs. Once `options.stop` is true it ends, and the rest are zero.
inline std::vector<float> predict_all(const Classifier& net, const ImageDataset& images,
                                      const FeatureOptions& options = {}) {
  const std::size_t outputs = net.description().output.size();
  const std::size_t width = net.description().features.size();
  std::vector<float> probabilities(images.size() * outputs);
  if (options.cache != nullptr && images.size() <= options.memory / sizeof(float) / width) {
    std::vector<float> all;
    if (detail::find_or_compute(net, images, options, all)) net.predict(all, probabilities);
    return probabilities;
  }
  detail::visit_features(net, images, options, [&](std::size_t first, std::span<const float> features, const auto& predict) {
    predict(features, std::span(probabilities).subspan(first * outputs, features.size() / width * outputs));
  });
  return probabilities;
}

namespace detail {

/// The labels of a data set of one class each.
inline std::vector<int> labels_of(const ImageDataset& images) {
  std::vector<int> labels(images.size());
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = images.label(i);
  return labels;
}

}  // namespace detail

/// The targets of every image of a data set, n x outputs.
inline std::vector<float> targets_of(const ImageDataset& images, std::size_t outputs) {
  std::vector<float> targets(images.size() * outputs);
  for (std::size_t i = 0; i < images.size(); ++i) images.target(i, std::span(targets).subspan(i * outputs, outputs));
  return targets;
}

}  // namespace cxrnet
