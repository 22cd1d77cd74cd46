#include <cxrnet/report/confound.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "shared.hpp"

using namespace cxrnet;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> classes{"COVID", "Normal"};

/// Format and size by a file's own header, for this test alone: PNG's IHDR, JPEG's first frame.
FileTraits traits_of(const fs::path& file, int label) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const auto at = [&](std::size_t i) { return static_cast<int>(static_cast<unsigned char>(bytes.at(i))); };
  if (bytes.compare(1, 3, "PNG") == 0)
    return {"PNG", at(18) * 256 + at(19), at(22) * 256 + at(23), label};
  for (std::size_t i = 2; at(i) == 0xff;) {
    const int marker = at(i + 1);
    if (marker >= 0xc0 && marker <= 0xc2)
      return {"JPEG", at(i + 7) * 256 + at(i + 8), at(i + 5) * 256 + at(i + 6), label};
    i += static_cast<std::size_t>(2 + at(i + 2) * 256 + at(i + 3));
  }
  FAIL("not a PNG or a JPEG: " << file);
  return {};
}

std::vector<FileTraits> traits_in(const fs::path& folder) {
  std::vector<FileTraits> files;
  for (std::size_t k = 0; k < classes.size(); ++k)
    for (const auto& entry : fs::directory_iterator(folder / classes[k]))
      files.push_back(traits_of(entry.path(), static_cast<int>(k)));
  return files;
}

std::vector<std::string> attributes_of(const std::vector<FileTraits>& files) {
  std::vector<std::string> attributes;
  for (const Confound& confound : find_confounds(files, classes)) attributes.push_back(confound.attribute);
  return attributes;
}

}  // namespace

TEST_CASE("The real chest X-rays are told apart by format and by size", "[report][golden]") {
  const auto shared = test::shared_or_skip("cxr");
  if (!shared) return;
  for (const char* part : {"train", "val", "test"}) {
    INFO(part);
    const std::vector<FileTraits> files = traits_in(*shared / "cxr" / part);
    CHECK(attributes_of(files) == std::vector<std::string>{"format", "size"});
  }
  const std::vector<Confound> found = find_confounds(traits_in(*shared / "cxr/train"), classes);
  CHECK(confound_warning(found).value() ==
        "warning: the files' format alone (JPEG: COVID, PNG: Normal) gives the class of 94.8 %, the files' size alone "
        "(1024x1024: Normal, other: COVID) gives the class of 100.0 % of 192 files where the largest class is 66.7 %: "
        "a network may learn where images come from, not the disease; use images of one origin, format and size for "
        "all classes");
}

TEST_CASE("Files alike in every class raise no warning", "[report]") {
  std::vector<FileTraits> files;
  for (int i = 0; i < 100; ++i) files.push_back({"PNG", 1024, 1024, i % 2});
  CHECK(find_confounds(files, classes).empty());
  CHECK_FALSE(confound_warning({}).has_value());
}

TEST_CASE("Sizes that never repeat are not learnt by heart", "[report]") {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<FileTraits> files;
    for (int i = 0; i < 200; ++i)
      files.push_back({random() % 2 == 0 ? "PNG" : "JPEG", 300 + static_cast<int>(random() % 1000),
                       300 + static_cast<int>(random() % 1000), static_cast<int>(random() % 2)});
    CHECK(find_confounds(files, classes).empty());
  }
}

TEST_CASE("A threshold on pixels is found where no size repeats", "[report]") {
  std::vector<FileTraits> files;
  for (int i = 0; i < 40; ++i) files.push_back({"PNG", 300 + i, 400, 0});
  for (int i = 0; i < 60; ++i) files.push_back({"PNG", 900 + i, 800, 1});
  const std::vector<Confound> found = find_confounds(files, classes);
  REQUIRE(found.size() == 1);
  CHECK(found[0].attribute == "size");
  CHECK(found[0].rule == "up to 135600 pixels: COVID, more: Normal");
  CHECK(found[0].accuracy == 1.0);
  CHECK(found[0].majority_accuracy == 0.6);
}

TEST_CASE("Three classes of a format each are told apart by format", "[report]") {
  const std::vector<std::string> three{"a", "b", "c"};
  const std::array<const char*, 3> formats{"PNG", "JPEG", "GIF"};
  std::vector<FileTraits> files;
  for (int i = 0; i < 60; ++i) files.push_back({formats[static_cast<std::size_t>(i % 3)], 100, 100, i % 3});
  const std::vector<Confound> found = find_confounds(files, three);
  REQUIRE(found.size() == 1);
  CHECK(found[0].attribute == "format");
}

TEST_CASE("A large majority, one class alone and few files raise no warning by themselves", "[report]") {
  std::vector<FileTraits> rare;
  for (int i = 0; i < 100; ++i) rare.push_back({i < 3 ? "JPEG" : "PNG", 100, 100, i < 5 ? 0 : 1});
  CHECK(attributes_of(rare).empty());  // 0.98 right against 0.95: within chance
  std::vector<FileTraits> one_class;
  for (int i = 0; i < 50; ++i) one_class.push_back({i % 2 == 0 ? "PNG" : "JPEG", 100 + i, 100, 1});
  CHECK(attributes_of(one_class).empty());
  CHECK(attributes_of({{"PNG", 1, 1, 0}, {"JPEG", 2, 2, 1}}).empty());
  CHECK(attributes_of({}).empty());
}

TEST_CASE("Huge sizes do not overflow and wrong labels are refused", "[report]") {
  std::vector<FileTraits> files;
  for (int i = 0; i < 20; ++i) files.push_back({"PNG", 2147483647, 2147483647 - i, i < 10 ? 1 : 0});
  CHECK(attributes_of(files) == std::vector<std::string>{"size"});
  CHECK_THROWS_AS(find_confounds(std::vector<FileTraits>{{"PNG", 1, 1, 2}}, classes), ArgumentError);
  CHECK_THROWS_AS(find_confounds(std::vector<FileTraits>{{"PNG", 1, 1, -1}}, classes), ArgumentError);
}
