#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/report/csv.hpp>
#include <cxrnet/report/text.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// One record for each of n files: file, true_class, predicted_class and `p_<class>` for each class, as RFC 4180 CSV
/// with a header; probabilities (n x classes) read back exactly. Throws ArgumentError where the counts disagree.
[[nodiscard]] inline std::string predictions_csv(std::span<const std::string> files, std::span<const int> labels,
                                                 std::span<const float> probabilities,
                                                 std::span<const std::string> classes) {
  const std::size_t count = classes.size();
  if (count == 0 || labels.size() != files.size() || probabilities.size() != files.size() * count)
    throw ArgumentError(std::to_string(files.size()) + " files, " + std::to_string(labels.size()) + " labels and " +
                        std::to_string(probabilities.size()) + " probabilities of " + std::to_string(count) +
                        " classes do not fit together; give one label and one row of probabilities for each file");
  std::vector<std::string> fields{"file", "true_class", "predicted_class"};
  for (const std::string& name : classes) fields.push_back("p_" + name);
  std::string text = csv_record(fields);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= count)
      throw ArgumentError("the file " + files[i] + " has the label " + std::to_string(labels[i]) + ", not one of the " +
                          std::to_string(count) + " classes; number them from 0");
    const auto row = probabilities.subspan(i * count, count);
    fields = {files[i], classes[static_cast<std::size_t>(labels[i])],
              classes[static_cast<std::size_t>(predicted_class(row))]};
    for (const float p : row) fields.push_back(round_trip(p));
    text += csv_record(fields);
  }
  return text;
}

/// Writes predictions.csv whole or not at all. Throws FileError, ArgumentError.
inline void write_predictions_csv(const std::filesystem::path& file, std::span<const std::string> files,
                                  std::span<const int> labels, std::span<const float> probabilities,
                                  std::span<const std::string> classes) {
  write_atomically(file, predictions_csv(files, labels, probabilities, classes));
}

}  // namespace cxrnet
