#pragma once
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/report/ethics.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace cxrnet {

namespace detail {

inline nlohmann::ordered_json json_of(const Interval& interval) {
  return nlohmann::ordered_json::array({interval.low, interval.high});
}

template <class T>
nlohmann::ordered_json json_or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  if constexpr (std::is_same_v<T, Interval>) return json_of(*value);
  else return *value;
}

inline nlohmann::ordered_json json_of(const AverageScores& scores) {
  return {{"precision", scores.precision}, {"recall", scores.recall}, {"f1", scores.f1}};
}

}  // namespace detail

/// JSON text, indented; names that are not UTF-8 (file names may be any bytes) have the bad bytes replaced.
[[nodiscard]] inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// Every figure of an evaluation with its conventions and the ethical note; what is undefined is null.
[[nodiscard]] inline nlohmann::ordered_json metrics_json(const Evaluation& evaluation) {
  using nlohmann::ordered_json;
  const std::size_t count = evaluation.classes.size();
  ordered_json per_class = ordered_json::array();
  ordered_json rows = ordered_json::array();
  for (std::size_t k = 0; k < count; ++k) {
    const ClassScores& scores = evaluation.per_class[k];
    per_class.push_back({{"class", evaluation.classes[k]},
                         {"precision", scores.precision},
                         {"recall", scores.recall},
                         {"recall_interval", detail::json_of(scores.recall_interval)},
                         {"f1", scores.f1},
                         {"specificity", scores.specificity},
                         {"support", scores.support}});
    ordered_json row = ordered_json::array();
    for (std::size_t j = 0; j < count; ++j) row.push_back(evaluation.confusion(k, j));
    rows.push_back(row);
  }
  return {{"note", ethical_note},
          {"samples", evaluation.samples},
          {"classes", evaluation.classes},
          {"positive_class", evaluation.classes[evaluation.positive]},
          {"loss", evaluation.loss},
          {"accuracy", evaluation.accuracy},
          {"accuracy_interval", detail::json_of(evaluation.accuracy_interval)},
          {"majority_class", evaluation.classes[evaluation.majority_class]},
          {"majority_accuracy", evaluation.majority_accuracy},
          {"balanced_accuracy", evaluation.balanced_accuracy},
          {"matthews_correlation", evaluation.matthews_correlation},
          {"per_class", per_class},
          {"macro_average", detail::json_of(evaluation.macro)},
          {"weighted_average", detail::json_of(evaluation.weighted)},
          {"confusion_matrix", {{"rows", "true class"}, {"columns", "predicted class"}, {"counts", rows}}},
          {"positive_against_rest",
           {{"roc_auc", detail::json_or_null(evaluation.roc_auc)},
            {"roc_auc_interval", detail::json_or_null(evaluation.roc_auc_interval)},
            {"average_precision", detail::json_or_null(evaluation.average_precision)},
            {"brier_score", evaluation.brier},
            {"log_loss", evaluation.log_loss}}},
          {"conventions",
           {{"confidence_level", 0.95},
            {"accuracy_interval", "Wilson score"},
            {"recall_interval", "Wilson score"},
            {"roc_auc_interval", "DeLong, null where the classes are perfectly separated or have fewer than 2 samples"},
            {"zero_division", 0},
            {"averages", "over all classes, those without samples included"},
            {"predicted_class", "the most probable"},
            {"loss", "mean categorical cross-entropy in nats, probabilities clipped to [1e-7, 1 - 1e-7]"}}}};
}

/// Writes metrics.json whole or not at all. Throws FileError.
inline void write_metrics_json(const std::filesystem::path& file, const Evaluation& evaluation) {
  write_atomically(file, json_text(metrics_json(evaluation)));
}

}  // namespace cxrnet
