#pragma once
#include <cxrnet/metrics/ranking.hpp>
#include <cxrnet/train/features.hpp>
#include <cxrnet/train/history.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace cxrnet {

/// The mean over the outputs of the area under each one's ROC curve against the rest, over those that have a positive
/// and a negative: scikit-learn's roc_auc_score for labels that go together, and "ovr", "macro" for one of many
/// classes. Of two classes it is the second's curve, as there. NaN where there is none, or a probability is not finite.
[[nodiscard]] inline double mean_roc_auc(std::span<const float> probabilities, std::span<const float> targets,
                                         std::size_t outputs, Labelling labelling) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  if (!std::ranges::all_of(probabilities, [](float p) { return std::isfinite(p); })) return unknown;
  const std::size_t n = targets.size() / outputs;
  std::vector<int> labels(n);
  std::vector<double> scores(n);
  double sum = 0;
  int counted = 0;
  for (std::size_t k = labelling == Labelling::one && outputs == 2 ? 1 : 0; k < outputs; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      labels[i] = targets[i * outputs + k] > 0.5F ? 1 : 0;
      scores[i] = probabilities[i * outputs + k];
    }
    const auto area = roc_auc(labels, scores);
    if (!area) continue;
    sum += *area;
    ++counted;
  }
  return counted == 0 ? unknown : sum / counted;
}

/// Measures a classifier under training on a validation set, again and again. What is before the cut does not train, so
/// that features are computed once where they fit into `memory` bytes.
class Validation {
 public:
  Validation(const Classifier& net, const ImageDataset& images, std::size_t memory, FeatureOptions options)
      : net_(net),
        images_(images),
        options_(options),
        keep_(images.size() <= memory / sizeof(float) / net.description().features.size()),
        targets_(targets_of(images, net.description().output.size())) {}

  /// Fills in the figures val_loss, val_accuracy and val_auc. False where it was stopped, and measured nothing.
  bool measure(EpochRecord& record) {
    const auto stopped = [&] { return options_.stop != nullptr && *options_.stop; };
    if (stopped()) return false;
    if (keep_ && features_.empty()) {
      std::vector<float> features = timed([&] { return features_of(net_, images_, options_); });
      if (stopped()) return false;
      features_ = std::move(features);
    }
    std::vector<float> probabilities(targets_.size());
    if (keep_) {
      net_.predict(features_, probabilities);
    } else {
      probabilities = timed([&] { return predict_all(net_, images_, options_); });
      if (stopped()) return false;
    }
    const auto n = static_cast<double>(images_.size());
    const StepResult sums = net_.score(probabilities, targets_);
    record.val_loss = sums.loss_sum / n;
    record.val_accuracy = sums.correct / n;
    record.val_auc = mean_roc_auc(probabilities, targets_, net_.description().output.size(), images_.labelling());
    return true;
  }

  /// Spent on images and what they go through.
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  template <class Work>
  std::vector<float> timed(const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<float> result = work();
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

  const Classifier& net_;
  const ImageDataset& images_;
  FeatureOptions options_;
  bool keep_;
  std::vector<float> targets_;
  std::vector<float> features_;
  double seconds_ = 0;
};

}  // namespace cxrnet
