#include <cxrnet/io/zip.hpp>

#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The archive with `from` replaced by `to` wherever it stands, read for its member "a".
std::string refusal(const TempFolder& temp, const std::string& archive, const std::string& from,
                    const std::string& to) {
  std::string changed = archive;
  for (std::size_t at = changed.find(from); at != std::string::npos; at = changed.find(from, at + to.size())) {
    changed.replace(at, from.size(), to);
  }
  REQUIRE(changed != archive);
  write_atomically(temp.path() / "changed.zip", changed);
  return message_of<FormatError>([&] { (void)ZipReader(temp.path() / "changed.zip").read("a", 1000); });
}

}  // namespace

TEST_CASE("Members come back, and the same members give the same bytes", "[io_zip]") {
  const TempFolder temp;
  const std::string text(300, 'x'), other = "of no compression";
  const std::vector<ZipMember> members{{"a", bytes_of(text)}, {"empty", {}}, {"folder/b", bytes_of(other)}};
  write_zip(temp.path() / "one.zip", members);
  write_zip(temp.path() / "two.zip", members);
  CHECK(contents(temp.path() / "one.zip") == contents(temp.path() / "two.zip"));
  ZipReader archive(temp.path() / "one.zip");
  const auto read = archive.read("folder/b", 100);
  CHECK(std::equal(read.begin(), read.end(), bytes_of(other).begin(), bytes_of(other).end()));
  CHECK(archive.read("a", 300).size() == 300);
  CHECK(archive.read("empty", 0).empty());
  CHECK(
      has(message_of<FormatError>([&] { (void)archive.read("a", 299); }), "its member a is larger than any such file"));
  CHECK(has(message_of<FormatError>([&] { (void)archive.read("b", 100); }), "it has no member b"));
}

TEST_CASE("A damaged or lying archive is refused", "[io_zip]") {
  const TempFolder temp;
  const std::string text = "twenty bytes of text";
  const std::vector<ZipMember> members{{"a", bytes_of(text)}};
  write_zip(temp.path() / "good.zip", members);
  const std::string good = contents(temp.path() / "good.zip");
  CHECK(has(refusal(temp, good, "twenty", "TWENTY"), "its member a is damaged"));
  const std::string sizes("\x14\0\0\0\x14\0\0\0", 8);  // compressed, plain: in the local header and in the directory
  CHECK_FALSE(refusal(temp, good, sizes, std::string("\x14\0\0\0\x15\0\0\0", 8)) == nothing_thrown);
  CHECK_FALSE(refusal(temp, good, sizes, std::string("\xF4\1\0\0\xF4\1\0\0", 8)) == nothing_thrown);
  CHECK_FALSE(refusal(temp, good, sizes, std::string("\x14\0\0\0\xFF\xFF\xFF\x7F", 8)) == nothing_thrown);
  for (const std::size_t size : {good.size() - 1, good.size() / 2, std::size_t{10}, std::size_t{0}}) {
    write_atomically(temp.path() / "cut.zip", std::string_view(good).substr(0, size));
    CHECK(has(message_of<FormatError>([&] { const ZipReader archive(temp.path() / "cut.zip"); }),
              "cut.zip' is not a sound"));
  }
}

TEST_CASE("A place that cannot be written is a file error, and leaves nothing", "[io_zip]") {
  const TempFolder temp;
  const std::string text = "text";
  const std::vector<ZipMember> members{{"a", bytes_of(text)}};
  CHECK(has(message_of<FileError>([&] { write_zip(temp.path() / "none" / "a.zip", members); }), "create the folder"));
  CHECK(has(message_of<FileError>([&] { write_zip(temp.path(), members); }), "folder"));
  CHECK(std::filesystem::is_empty(temp.path()));
}
