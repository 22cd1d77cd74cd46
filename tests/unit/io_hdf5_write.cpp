#include <cxrnet/io/hdf5_read.hpp>
#include <cxrnet/io/hdf5_write.hpp>

#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

TEST_CASE("the Writer's file reads back, and is the same each time", "[io]") {
  const TempFolder temp;
  const std::vector<std::string> names{"a", "caf\xC3\xA9", ""};
  const auto write = [&](const fs::path& path) {
    cxrnet::hdf5::Writer file(path);
    file.group("/g/empty");
    file.texts("/g", "names", names);
    file.texts("/g/empty", "names", {});
    file.text("/", "config", std::string(200'000, '{'));
    file.tensor("/g/a/b/t", std::vector<std::size_t>{2, 2}, std::vector<float>{1, 2, 3, 4});
    file.close();
  };
  write(temp.path() / "a.h5");
  write(temp.path() / "b.h5");
  cxrnet::hdf5::Reader file(temp.path() / "a.h5");
  CHECK(file.texts("/g", "names") == names);
  CHECK(file.texts("/g/empty", "names") == std::vector<std::string>{});
  CHECK(file.text("/", "config") == std::string(200'000, '{'));
  CHECK(file.tensor("/g/a/b/t", "t").values == std::vector<float>{1, 2, 3, 4});
  CHECK(file.has_group("/g/a"));
  CHECK_FALSE(file.has_group("/g/a/b/t"));
  CHECK_FALSE(file.has_group("/h"));
  const auto bytes = [&](const char* name) {
    std::ifstream in(temp.path() / name, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  CHECK(bytes("a.h5") == bytes("b.h5"));
  CHECK(has(message_of<cxrnet::FileError>([&] { write(temp.path() / "none" / "a.h5"); }), "No such file or directory; is the disk full?"));
}
