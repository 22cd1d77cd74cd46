#pragma once
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/report/text.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

namespace detail {

inline std::string interval_text(const Interval& interval) {
  return with_decimals(interval.low, 4) + " to " + with_decimals(interval.high, 4);
}

/// One figure on a line of its own.
inline std::string figure_line(std::string_view name, const std::string& value, const std::string& remark) {
  std::string line = left_aligned(name, 20) + right_aligned(value, 8);
  if (!remark.empty()) line += "   " + remark;
  return line + "\n";
}

inline std::string or_undefined(const std::optional<double>& value) {
  return value ? with_decimals(*value, 4) : "undefined";
}

inline std::string class_table(const Evaluation& evaluation, const std::vector<std::string>& names, std::size_t width) {
  const auto row = [&](std::string_view name, const std::string& precision, const std::string& recall,
                       const std::string& f1, const std::string& support, std::string_view interval) {
    return left_aligned(name, width) + right_aligned(precision, 11) + right_aligned(recall, 10) +
           right_aligned(f1, 10) + right_aligned(support, 10) +
           (interval.empty() ? "" : "   " + std::string(interval)) + "\n";
  };
  const auto average = [&](std::string_view name, const AverageScores& scores) {
    return row(name, with_decimals(scores.precision, 4), with_decimals(scores.recall, 4), with_decimals(scores.f1, 4),
               std::to_string(evaluation.samples), "");
  };
  std::string text = row("", "precision", "recall", "f1-score", "support", "recall's 95 % interval (Wilson)");
  for (std::size_t k = 0; k < names.size(); ++k) {
    const ClassScores& scores = evaluation.per_class[k];
    text += row(names[k], with_decimals(scores.precision, 4), with_decimals(scores.recall, 4),
                with_decimals(scores.f1, 4), std::to_string(scores.support), interval_text(scores.recall_interval));
  }
  return text + average("macro average", evaluation.macro) + average("weighted average", evaluation.weighted);
}

inline std::string confusion_table(const Evaluation& evaluation, const std::vector<std::string>& names,
                                   std::size_t width) {
  std::vector<std::size_t> columns;
  std::string text = std::string(width, ' ');
  for (std::size_t j = 0; j < names.size(); ++j) {
    std::size_t digits = display_width(names[j]);
    for (std::size_t k = 0; k < names.size(); ++k)
      digits = std::max(digits, std::to_string(evaluation.confusion(k, j)).size());
    columns.push_back(digits + 3);
    text += right_aligned(names[j], columns.back());
  }
  text += "\n";
  for (std::size_t k = 0; k < names.size(); ++k) {
    text += left_aligned(names[k], width);
    for (std::size_t j = 0; j < names.size(); ++j)
      text += right_aligned(std::to_string(evaluation.confusion(k, j)), columns[j]);
    text += "\n";
  }
  return text;
}

}  // namespace detail

/// The evaluation for a terminal, ending in a line break. Class names may be long or hold any bytes.
[[nodiscard]] inline std::string text_report(const Evaluation& evaluation) {
  std::vector<std::string> names;
  std::size_t width = std::string_view("weighted average").size();
  for (const std::string& name : evaluation.classes) {
    names.push_back(printable(name));
    width = std::max(width, display_width(names.back()));
  }
  using detail::figure_line;
  std::string text = figure_line("images", std::to_string(evaluation.samples), "");
  text += figure_line("accuracy", with_decimals(evaluation.accuracy, 4),
                      "95 % interval " + detail::interval_text(evaluation.accuracy_interval) + " (Wilson)");
  text += figure_line("majority accuracy", with_decimals(evaluation.majority_accuracy, 4),
                      "of always answering " + names[evaluation.majority_class]);
  text += figure_line("balanced accuracy", with_decimals(evaluation.balanced_accuracy, 4), "");
  text += figure_line("Matthews correlation", with_decimals(evaluation.matthews_correlation, 4), "");
  text += figure_line("loss", with_decimals(evaluation.loss, 4), "");
  text += "\n" + detail::class_table(evaluation, names, width);
  text += "\nconfusion matrix (rows: true class, columns: predicted class)\n";
  text += detail::confusion_table(evaluation, names, width);
  text += "\npositive class: " + names[evaluation.positive] + "\n";
  std::string remark;
  if (!evaluation.roc_auc) remark = "needs images of the positive class and of another";
  else if (evaluation.roc_auc_interval)
    remark = "95 % interval " + detail::interval_text(*evaluation.roc_auc_interval) + " (DeLong)";
  text += figure_line("ROC AUC", detail::or_undefined(evaluation.roc_auc), remark);
  text += figure_line("average precision", detail::or_undefined(evaluation.average_precision), "");
  text += figure_line("specificity", with_decimals(evaluation.per_class[evaluation.positive].specificity, 4), "");
  text += figure_line("Brier score", with_decimals(evaluation.brier, 4), "");
  text += figure_line("log loss", with_decimals(evaluation.log_loss, 4), "");
  return text;
}

}  // namespace cxrnet
