#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace cxrnet {

/// Removes files of a folder, those of one kind by their names, that were longest without use (their time of writing, which
/// who uses one sets anew), until they take at most `budget` bytes; not `newest`, whatever clocks say. Other processes may
/// do the same.
inline void remove_oldest(const std::filesystem::path& folder, std::string_view prefix, std::string_view suffix, std::uintmax_t budget,
                          const std::filesystem::path& newest) {
  namespace fs = std::filesystem;
  struct Kept {
    fs::file_time_type used;
    std::uintmax_t bytes;
    fs::path file;
  };
  std::vector<Kept> all;
  std::uintmax_t total = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    std::error_code gone;  // removed by another process meanwhile
    const std::uintmax_t bytes = at->file_size(gone);
    if (gone) continue;
    const fs::file_time_type used = at->last_write_time(gone);
    if (gone) continue;
    total += bytes;
    if (at->path() != newest) all.push_back({used, bytes, at->path()});
  }
  std::ranges::sort(all, {}, &Kept::used);
  for (auto oldest = all.begin(); total > budget && oldest != all.end(); ++oldest) {
    fs::remove(oldest->file, error);
    total -= oldest->bytes;
  }
}

}  // namespace cxrnet
