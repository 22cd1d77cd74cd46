#pragma once
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace cxrnet::test {

/// Whether a page in docs/ holds, word for word, what stands between "// example-begin" and "// example-end" of a
/// source in tests/unit/: so that no snippet rots.
inline bool doc_quotes(const std::string& page, const std::string& source) {
  const auto read = [](const std::filesystem::path& file) {
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::filesystem::path root = CXRNET_SOURCE_DIR;
  const std::string code = read(root / "tests/unit" / source);
  const std::string begin = "// example-begin\n";
  const auto first = code.find(begin) + begin.size();
  const auto last = code.find("// example-end\n", first);
  return code.find(begin) != std::string::npos && last != std::string::npos &&
         read(root / "docs" / page).find(code.substr(first, last - first)) != std::string::npos;
}

}  // namespace cxrnet::test
