#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cxrnet {

/// One field of RFC 4180 CSV: quoted where it holds a comma, a quote or a line break, quotes doubled.
[[nodiscard]] inline std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// One record of RFC 4180 CSV with its CRLF.
[[nodiscard]] inline std::string csv_record(std::span<const std::string> fields) {
  std::string record;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) record += ',';
    record += csv_field(fields[i]);
  }
  return record + "\r\n";
}

}  // namespace cxrnet
