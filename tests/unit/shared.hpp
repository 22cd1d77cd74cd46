#pragma once
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>

namespace cxrnet::test {

/// The folder of golden files and real images, where it is there: $CXRNET_SHARED, else `../shared` beside the source tree.
inline std::optional<std::filesystem::path> shared_dir() {
  const char* set = std::getenv("CXRNET_SHARED");
  const std::filesystem::path folder = set != nullptr ? set : CXRNET_SOURCE_DIR "/../shared";
  if (std::filesystem::is_directory(folder / "golden")) return folder;
  return std::nullopt;
}

/// The shared folder, or one line saying that a test is skipped.
inline std::optional<std::filesystem::path> shared_or_skip(std::string_view test) {
  auto folder = shared_dir();
  if (!folder) std::cout << "skipped: " << test << " needs the folder ../shared (or CXRNET_SHARED), which is absent\n";
  return folder;
}

}  // namespace cxrnet::test
