#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/metrics/interval.hpp>
#include <cxrnet/report/text.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

/// What is known of an image file without looking at the picture.
struct FileTraits {
  std::string format;  ///< As the file's first bytes say, not its name: "JPEG", "PNG".
  int width = 0;
  int height = 0;
  int label = 0;  ///< From 0.
};

/// An attribute of files that by itself tells the classes apart.
struct Confound {
  std::string attribute;           ///< "format" or "size".
  std::string rule;                ///< "JPEG: COVID, PNG: Normal".
  double accuracy = 0.0;           ///< Of the rule on these files.
  double majority_accuracy = 0.0;  ///< Of always answering the largest class.
  std::size_t files = 0;
};

namespace detail {

using Counts = std::vector<std::size_t>;

inline std::size_t largest(const Counts& counts) {
  return static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

struct Rule {
  std::string text;
  std::size_t correct = 0;
};

/// Answers each common value's largest class. A value is common where two files and one in twenty share it; the others
/// count as one value, so that a rule cannot learn files by heart: it has 21 answers at most.
inline Rule table_rule(std::span<const std::string> values, std::span<const FileTraits> files,
                       std::span<const std::string> classes) {
  std::map<std::string_view, Counts> tallies;
  for (std::size_t i = 0; i < files.size(); ++i) {
    Counts& counts = tallies.try_emplace(values[i], classes.size()).first->second;
    ++counts[static_cast<std::size_t>(files[i].label)];
  }
  const std::size_t common = std::max<std::size_t>(2, (files.size() + 19) / 20);
  Counts others(classes.size());
  std::size_t others_total = 0;
  Rule rule;
  int answers = 0;
  const auto answer = [&](std::string_view value, const Counts& counts) {
    const std::size_t k = largest(counts);
    rule.correct += counts[k];
    if (++answers > 4) return;
    if (answers == 4) rule.text += ", ...";
    else rule.text += (rule.text.empty() ? "" : ", ") + std::string(value) + ": " + printable(classes[k]);
  };
  for (const auto& [value, counts] : tallies) {
    const std::size_t total = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
    if (total >= common) {
      answer(value, counts);
    } else {
      for (std::size_t k = 0; k < counts.size(); ++k) others[k] += counts[k];
      others_total += total;
    }
  }
  if (others_total > 0) answer("other", others);
  return rule;
}

/// The best split of files into those with at most a threshold of pixels and those with more.
inline Rule pixels_rule(std::span<const FileTraits> files, std::span<const std::string> classes) {
  std::vector<std::size_t> order(files.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto pixels = [&](std::size_t i) {
    return static_cast<long long>(files[i].width) * static_cast<long long>(files[i].height);
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pixels(a) < pixels(b); });
  Counts below(classes.size());
  Counts above(classes.size());
  for (const FileTraits& file : files) ++above[static_cast<std::size_t>(file.label)];
  Rule best;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    const auto label = static_cast<std::size_t>(files[order[i]].label);
    ++below[label];
    --above[label];
    if (pixels(order[i]) == pixels(order[i + 1])) continue;
    const std::size_t small = largest(below);
    const std::size_t big = largest(above);
    if (below[small] + above[big] <= best.correct) continue;
    best.correct = below[small] + above[big];
    best.text = "up to " + std::to_string(pixels(order[i])) + " pixels: " + printable(classes[small]) +
                ", more: " + printable(classes[big]);
  }
  return best;
}

}  // namespace detail

/// The attributes, format and size, that each alone separate the classes: a rule on it is right for at least 90 % of
/// the files, makes at most half the errors of answering the majority class, and does so beyond chance (the lower end
/// of its accuracy's Wilson interval is above the majority's accuracy). Size is judged by exact width x height and by
/// a threshold on pixels. `FileTraits::label` must be in [0, classes), else ArgumentError.
[[nodiscard]] inline std::vector<Confound> find_confounds(std::span<const FileTraits> files,
                                                          std::span<const std::string> classes) {
  detail::Counts support(classes.size());
  std::vector<std::string> formats;
  std::vector<std::string> sizes;
  for (const FileTraits& file : files) {
    if (file.label < 0 || static_cast<std::size_t>(file.label) >= classes.size())
      throw ArgumentError("class " + std::to_string(file.label) + " is not one of the " +
                          std::to_string(classes.size()) + " classes; number them from 0");
    ++support[static_cast<std::size_t>(file.label)];
    formats.push_back(printable(file.format));
    sizes.push_back(std::to_string(file.width) + "x" + std::to_string(file.height));
  }
  if (files.empty()) return {};
  const double n = static_cast<double>(files.size());
  const double majority = static_cast<double>(support[detail::largest(support)]) / n;
  std::vector<Confound> found;
  const auto judge = [&](std::string_view attribute, const detail::Rule& rule) {
    const double accuracy = static_cast<double>(rule.correct) / n;
    if (accuracy < 0.9 || 1.0 - accuracy > 0.5 * (1.0 - majority)) return;
    if (wilson_interval(rule.correct, files.size()).low <= majority) return;
    found.push_back({std::string(attribute), rule.text, accuracy, majority, files.size()});
  };
  judge("format", detail::table_rule(formats, files, classes));
  const detail::Rule exact = detail::table_rule(sizes, files, classes);
  const detail::Rule threshold = detail::pixels_rule(files, classes);
  judge("size", threshold.correct > exact.correct ? threshold : exact);
  return found;
}

/// One line that warns of the confounds, nullopt where there is none.
[[nodiscard]] inline std::optional<std::string> confound_warning(std::span<const Confound> confounds) {
  if (confounds.empty()) return std::nullopt;
  std::string text = "warning: ";
  for (const Confound& confound : confounds)
    text += (text.back() == ' ' ? "" : ", ") + std::string("the files' ") + confound.attribute + " alone (" +
            confound.rule + ") gives the class of " + with_decimals(100 * confound.accuracy, 1) + " %";
  return text + " of " + std::to_string(confounds[0].files) + " files where the largest class is " +
         with_decimals(100 * confounds[0].majority_accuracy, 1) +
         " %: a network may learn where images come from, not the disease; use images of one origin, format and size "
         "for all classes";
}

}  // namespace cxrnet
