#pragma once
#include <cxrnet/backend/onednn/algorithm_book.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>

namespace CLI {
class App;
}

namespace cxrnet::programs {

/// The networks that a program builds while one lives take their algorithms from a file: what it holds is kept to, what a
/// network needs besides is found by a short trial and added. Without a file they go by rule.
class AlgorithmFile {
 public:
  /// FormatError where the file exists and is no such file; FileError where it can be neither read nor written.
  explicit AlgorithmFile(std::filesystem::path file);

  /// Writes what trials have added, and says so. Throws FileError.
  void keep();

 private:
  std::filesystem::path file_;
  AlgorithmBook book_;
  std::size_t kept_ = 0;
  std::optional<WithAlgorithms> with_;
};

/// --algorithms
void add_algorithms_option(CLI::App& app, std::filesystem::path& file);

}  // namespace cxrnet::programs
