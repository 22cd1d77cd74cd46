#pragma once
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/report/csv.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/history.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet {

namespace detail {

/// The columns under Keras's names, in the order that history.csv has them.
inline constexpr std::array<std::pair<const char*, double EpochRecord::*>, 7> history_columns{{
    {"accuracy", &EpochRecord::accuracy},
    {"loss", &EpochRecord::loss},
    {"val_accuracy", &EpochRecord::val_accuracy},
    {"val_loss", &EpochRecord::val_loss},
    {"val_auc", &EpochRecord::val_auc},
    {"learning_rate", &EpochRecord::learning_rate},
    {"seconds", &EpochRecord::seconds},
}};

}  // namespace detail

/// Keras's `history.history`: an array over the epochs under each name, `epoch` (from 1) and `seconds` beside; what was
/// not measured is null.
[[nodiscard]] inline nlohmann::ordered_json history_json(const History& history) {
  nlohmann::ordered_json json;
  json["epoch"] = nlohmann::ordered_json::array();
  for (const EpochRecord& record : history.epochs) json["epoch"].push_back(record.epoch);
  for (const auto& [name, figure] : detail::history_columns) json[name] = history.column(figure);
  return json;
}

/// The same as CSV, one record for each epoch; what was not measured is empty, numbers read back exactly.
[[nodiscard]] inline std::string history_csv(const History& history) {
  std::vector<std::string> fields{"epoch"};
  for (const auto& column : detail::history_columns) fields.emplace_back(column.first);
  std::string text = csv_record(fields);
  for (const EpochRecord& record : history.epochs) {
    fields = {std::to_string(record.epoch)};
    for (const auto& column : detail::history_columns) {
      const double value = record.*column.second;
      fields.push_back(std::isfinite(value) ? round_trip(value) : "");
    }
    text += csv_record(fields);
  }
  return text;
}

/// Writes history.json whole or not at all. Throws FileError.
inline void write_history_json(const std::filesystem::path& file, const History& history) {
  write_atomically(file, history_json(history).dump(2) + "\n");
}

/// Writes history.csv whole or not at all. Throws FileError.
inline void write_history_csv(const std::filesystem::path& file, const History& history) {
  write_atomically(file, history_csv(history));
}

}  // namespace cxrnet
