#include "common/algorithm_file.hpp"

#include "common/run_record.hpp"

#include <cxrnet/backend/onednn/version.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/report/text.hpp>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

namespace cxrnet::programs {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* format_name = "cxrnet algorithms 1";
constexpr std::size_t largest_file = 1 << 20;

AlgorithmBook::Choices read_choices(const std::filesystem::path& path) {
  const InputFile file(path);
  const auto refuse = [&]() -> AlgorithmBook::Choices {
    throw FormatError("'" + path.string() + "' is no file of algorithms as --algorithms writes them: name another, or one that "
                      "does not exist yet.");
  };
  if (file.size() > largest_file) return refuse();
  const Json json = Json::parse(file.text(), nullptr, false);
  if (!json.is_object() || json.value("format", Json()) != format_name) return refuse();
  const Json choices = json.value("choices", Json());
  if (!choices.is_object()) return refuse();
  AlgorithmBook::Choices result;
  for (const auto& [key, algorithm] : choices.items()) {
    if (!algorithm.is_string()) return refuse();
    result.emplace(key, algorithm.get<std::string>());
  }
  return result;
}

}  // namespace

AlgorithmFile::AlgorithmFile(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  if (std::filesystem::exists(file_)) book_ = AlgorithmBook(read_choices(file_));
  else require_writable(file_);
  with_.emplace(book_);
}

void AlgorithmFile::keep() {
  const auto found = static_cast<std::size_t>(book_.tried()) - kept_;
  if (file_.empty() || found == 0) return;
  const Json json{{"format", format_name},
                  {"processor", processor()},
                  {"library", onednn::version()},
                  {"choices", book_.choices()}};
  const std::string text = json.dump(2) + "\n";
  write_atomically(file_, std::as_bytes(std::span(text)));
  kept_ += found;
  std::cerr << "note: " << found << " algorithms were chosen by trial and added to " << printable(file_.string()) << ".\n";
}

void add_algorithms_option(CLI::App& app, std::filesystem::path& file) {
  app.add_option("--algorithms", file,
                 "File of algorithms for convolutions in floats: those it holds are kept to, others are chosen by a short\n"
                 "trial and added. Another algorithm changes last bits. Default: the same rule on every processor");
}

}  // namespace cxrnet::programs
