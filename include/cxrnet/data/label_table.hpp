#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/folder.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace cxrnet {

/// How a table of labels is laid out. The defaults are those of NIH ChestX-ray14's Data_Entry_2017.csv.
struct LabelTableOptions {
  std::string file_column = "Image Index";
  std::string label_column = "Finding Labels";
  char separator = '|';             ///< between an image's labels
  std::string none = "No Finding";  ///< stands for no label, as an empty field does
  std::vector<std::string> classes{};  ///< in this order, no others; empty: the table's own, sorted by bytes
};

/// A label table larger than this is refused (NIH ChestX-ray14's, of 112,120 images, has 8 MB),
inline constexpr std::uintmax_t max_label_table_bytes = std::uintmax_t{1} << 28;
/// and one with more labels.
inline constexpr std::size_t max_label_table_classes = 10000;

namespace detail {

/// A CSV file record by record (RFC 4180: fields in quotes may hold commas, line breaks and doubled quotes).
class CsvReader {
 public:
  CsvReader(const std::filesystem::path& file, std::uintmax_t limit) : file_(file.string()) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error || !std::filesystem::is_regular_file(file, error)) {
      throw FileError("The table " + file_ + " cannot be read: name a CSV file.");
    }
    if (size > limit) {
      throw FileError("The table " + file_ + " has " + std::to_string(size) + " bytes, more than the " +
                      std::to_string(limit) + " that are read: split it.");
    }
    std::ifstream stream(file, std::ios::binary);
    text_.resize(static_cast<std::size_t>(size));
    if (!stream.read(text_.data(), static_cast<std::streamsize>(size))) {
      throw FileError("The table " + file_ + " cannot be read to its end: check the disk.");
    }
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  /// The next record that is no empty line; false at the end.
  bool next(std::vector<std::string>& fields) {
    do {
      fields.assign(1, {});
      line_ = next_line_;
      if (at_ == text_.size()) return false;
      read(fields);
    } while (fields.size() == 1 && fields[0].empty());
    return true;
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw DataError("The table " + file_ + ", line " + std::to_string(line_) + ": " + why);
  }
  /// From 1, where the record begins.
  [[nodiscard]] std::size_t line() const { return line_; }

 private:
  void read(std::vector<std::string>& fields) {
    bool quoted = false;
    bool closed = false;  // a quoted field has ended
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\n') ++next_line_;
      if (c == '\0') fail("there is a zero byte: this is no CSV file.");
      if (quoted && c == '"' && at_ < text_.size() && text_[at_] == '"') {
        fields.back() += text_[at_++];
      } else if (quoted && c == '"') {
        quoted = false;
        closed = true;
      } else if (quoted) {
        fields.back() += c;
      } else if (c == '\n') {
        return;
      } else if (c == '\r' && (at_ == text_.size() || text_[at_] == '\n')) {
        continue;
      } else if (c == ',') {
        fields.emplace_back();
        closed = false;
      } else if (c == '"' && fields.back().empty() && !closed) {
        quoted = true;
      } else if (c == '"' || closed) {
        fail("a quote stands within a field: put the whole field into quotes, and double those inside.");
      } else {
        fields.back() += c;
      }
    }
    if (quoted) fail("a quoted field has no end.");
  }

  std::string file_;
  std::string text_;
  std::size_t at_ = 0;
  std::size_t next_line_ = 1;
  std::size_t line_ = 1;
};

inline std::size_t column_of(const CsvReader& table, std::span<const std::string> header, const std::string& name) {
  const auto found = std::ranges::find(header, name);
  if (found == header.end()) {
    table.fail("there is no column '" + name + "' among " + list_names(header) + ": name it in LabelTableOptions.");
  }
  return static_cast<std::size_t>(found - header.begin());
}

/// Whether a table's file name stays within the folder that it is relative to.
inline bool stays_within(const std::filesystem::path& name) {
  return !name.empty() && name.is_relative() &&
         std::none_of(name.begin(), name.end(), [](const auto& part) { return part == ".."; });
}

inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace detail

/// Images with any number of labels each, from a CSV table with a header: a column of file names, relative to `images`,
/// and one of labels. In the table's order. Throws FileError where the table cannot be read, DataError with the line
/// where a file is missing, outside the folder or listed twice, or a label is none of `options.classes`.
[[nodiscard]] inline ImageFolder list_label_table(const std::filesystem::path& table,
                                                  const std::filesystem::path& images,
                                                  const LabelTableOptions& options = {}) {
  detail::CsvReader reader(table, max_label_table_bytes);
  std::vector<std::string> fields;
  if (!reader.next(fields)) reader.fail("the table is empty: it needs a header.");
  const std::size_t file_column = detail::column_of(reader, fields, options.file_column);
  const std::size_t label_column = detail::column_of(reader, fields, options.label_column);
  const std::size_t columns = fields.size();

  ImageFolder result;
  result.root = images;
  result.labelling = Labelling::several;
  std::map<std::string, std::size_t> lines;         // of the files met
  std::map<std::string, int, std::less<>> met;      // labels, numbered as met
  for (const auto& name : options.classes) met.emplace(name, static_cast<int>(met.size()));
  if (met.size() != options.classes.size()) throw ArgumentError("LabelTableOptions::classes names a class twice.");
  while (reader.next(fields)) {
    if (fields.size() != columns) {
      reader.fail("there are " + std::to_string(fields.size()) + " fields, and " + std::to_string(columns) +
                  " in the header.");
    }
    const std::string& name = fields[file_column];
    if (!detail::stays_within(name)) {
      reader.fail("'" + name + "' is no file within " + images.string() + ": give its name relative to that folder.");
    }
    const auto [earlier, fresh] = lines.emplace(name, reader.line());
    if (!fresh) reader.fail("'" + name + "' is listed before, in line " + std::to_string(earlier->second) + ".");
    ImageFolder::Item item{images / name, name, -1};
    std::error_code error;
    if (!std::filesystem::is_regular_file(item.file, error)) {
      reader.fail("there is no file " + item.file.string() + ": name the folder that the images are in.");
    }
    for (const std::string_view label : detail::split(fields[label_column], options.separator)) {
      if (label == options.none || label.empty()) continue;
      auto found = met.find(label);
      if (found == met.end()) {
        if (!options.classes.empty()) {
          reader.fail("the label '" + std::string(label) + "' is none of " + detail::list_names(options.classes) + ".");
        }
        if (met.size() == max_label_table_classes) {
          reader.fail("there are more than " + std::to_string(max_label_table_classes) + " different labels.");
        }
        found = met.emplace(label, static_cast<int>(met.size())).first;
      }
      item.labels.push_back(found->second);
    }
    result.items.push_back(std::move(item));
  }
  if (result.items.empty()) throw DataError("The table " + table.string() + " lists no image.");
  if (met.empty()) throw DataError("The table " + table.string() + " gives no image a label.");

  result.classes = options.classes;
  std::vector<int> rank(met.size());
  for (const auto& [label, number] : met) {
    rank[static_cast<std::size_t>(number)] = options.classes.empty() ? static_cast<int>(result.classes.size()) : number;
    if (options.classes.empty()) result.classes.push_back(label);
  }
  for (auto& item : result.items) {
    for (int& label : item.labels) label = rank[static_cast<std::size_t>(label)];
    std::ranges::sort(item.labels);
    item.labels.erase(std::unique(item.labels.begin(), item.labels.end()), item.labels.end());
  }
  return result;
}

}  // namespace cxrnet
