#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/metrics/interval.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

// A sample is positive where its label equals `positive`; a higher score means more likely positive. Scores must be
// finite and as many as the labels, else ArgumentError.

namespace detail {

inline void check_scores(std::span<const int> labels, std::span<const double> scores) {
  if (labels.size() != scores.size())
    throw ArgumentError("there are " + std::to_string(labels.size()) + " labels but " + std::to_string(scores.size()) +
                        " scores; give one score for each label");
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (!std::isfinite(scores[i]))
      throw ArgumentError("the score of sample " + std::to_string(i) +
                          " is not a finite number; check the model's weights and its input");
}

/// Indices by falling score.
inline std::vector<std::size_t> by_falling_score(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// Ranks from 1 by rising value; equal values share the mean of their ranks.
inline std::vector<double> midranks(std::span<const double> values) {
  std::vector<std::size_t> order = by_falling_score(values);
  std::reverse(order.begin(), order.end());
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
  }
  return ranks;
}

/// DeLong's structural components: for each positive the share of negatives below it, for each negative the share of
/// positives above it, ties counting one half.
struct Placements {
  std::vector<double> positives;
  std::vector<double> negatives;
};

inline Placements placements(std::span<const int> labels, std::span<const double> scores, int positive) {
  check_scores(labels, scores);
  std::vector<double> of[2];
  std::vector<double> rank_in_all[2];
  const std::vector<double> ranks = midranks(scores);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    of[labels[i] == positive].push_back(scores[i]);
    rank_in_all[labels[i] == positive].push_back(ranks[i]);
  }
  Placements result;
  const std::vector<double> among_positives = midranks(of[1]);
  const std::vector<double> among_negatives = midranks(of[0]);
  for (std::size_t i = 0; i < of[1].size(); ++i)
    result.positives.push_back((rank_in_all[1][i] - among_positives[i]) / static_cast<double>(of[0].size()));
  for (std::size_t i = 0; i < of[0].size(); ++i)
    result.negatives.push_back(1 - (rank_in_all[0][i] - among_negatives[i]) / static_cast<double>(of[1].size()));
  return result;
}

inline double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// The unbiased variance of the mean of `values` (two or more).
inline double variance_of_mean(const std::vector<double>& values) {
  const double centre = mean(values);
  double sum = 0.0;
  for (const double v : values) sum += (v - centre) * (v - centre);
  const double n = static_cast<double>(values.size());
  return sum / (n - 1) / n;
}

}  // namespace detail

/// The area under the ROC curve as Mann and Whitney's statistic: the chance that a positive outscores a negative, ties
/// counting one half. Undefined (nullopt) where there is no positive or no negative.
[[nodiscard]] inline std::optional<double> roc_auc(std::span<const int> labels, std::span<const double> scores,
                                                   int positive = 1) {
  detail::check_scores(labels, scores);
  const std::vector<double> ranks = detail::midranks(scores);
  double rank_sum = 0.0;
  double positives = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != positive) continue;
    rank_sum += ranks[i];
    positives += 1.0;
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  if (positives == 0.0 || negatives == 0.0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

/// DeLong's 95 % interval of the area under the ROC curve (DeLong, DeLong and Clarke-Pearson 1988), cut to [0, 1].
/// nullopt where the method has nothing to say: fewer than two positives or negatives, or classes that the scores
/// separate perfectly (its variance is then 0, which would claim certainty).
[[nodiscard]] inline std::optional<Interval> delong_interval(std::span<const int> labels,
                                                             std::span<const double> scores, int positive = 1) {
  const detail::Placements placed = detail::placements(labels, scores, positive);
  if (placed.positives.size() < 2 || placed.negatives.size() < 2) return std::nullopt;
  const double variance = detail::variance_of_mean(placed.positives) + detail::variance_of_mean(placed.negatives);
  if (!(variance > 0.0)) return std::nullopt;
  const double area = detail::mean(placed.positives);
  const double half = normal_quantile_975 * std::sqrt(variance);
  return Interval{std::max(0.0, area - half), std::min(1.0, area + half)};
}

/// Average precision as scikit-learn's: the sum over distinct thresholds of (R_k - R_(k-1)) P_k, not interpolated.
/// Undefined (nullopt) where there is no positive.
[[nodiscard]] inline std::optional<double> average_precision(std::span<const int> labels,
                                                             std::span<const double> scores, int positive = 1) {
  detail::check_scores(labels, scores);
  const std::vector<std::size_t> order = detail::by_falling_score(scores);
  double hits = 0.0;
  double sum = 0.0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    double gained = 0.0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      if (labels[order[end]] == positive) gained += 1.0;
    hits += gained;
    sum += gained * hits / static_cast<double>(end);
  }
  if (hits == 0.0) return std::nullopt;
  return sum / hits;
}

}  // namespace cxrnet
