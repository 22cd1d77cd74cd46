#include <cxrnet/io/input_file.hpp>

#include <sys/stat.h>

#include <array>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using cxrnet::test::message_of;

TEST_CASE("an InputFile reads at any offset and says where it ends", "[io]") {
  const cxrnet::test::TempFolder temp;
  const auto path = temp.path() / "a";
  cxrnet::write_atomically(path, "0123456789");
  const cxrnet::InputFile file(path);
  CHECK(file.size() == 10);
  std::array<char, 3> part{};
  file.read(7, std::as_writable_bytes(std::span(part)));
  CHECK(std::string(part.data(), 3) == "789");
  CHECK(message_of<cxrnet::FileError>([&] { file.read(8, std::as_writable_bytes(std::span(part))); }) ==
        "cannot read '" + path.string() + "': it ends too soon; copy or fetch it again");
}

TEST_CASE("what is no regular file is refused, and does not block", "[io]") {
  const cxrnet::test::TempFolder temp;
  const auto open = [](const std::filesystem::path& path) {
    return message_of<cxrnet::FileError>([&] { cxrnet::InputFile file(path); });
  };
  const std::string missing = (temp.path() / "none").string();
  CHECK(open(missing) == "cannot read '" + missing + "': No such file or directory; check the path");
  CHECK(open(temp.path()) == "cannot read '" + temp.path().string() + "': it is a folder; give the name of a file");
  const std::string pipe = (temp.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(open(pipe) == "cannot read '" + pipe + "': it is not a regular file; give the name of one");
  CHECK(open("/dev/zero") == "cannot read '/dev/zero': it is not a regular file; give the name of one");
}
