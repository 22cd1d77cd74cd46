#include <cxrnet/data/dataset.hpp>

#include "data_fixtures.hpp"

#include <algorithm>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::vector<std::uint8_t> pixels(const ImageDataset& dataset, std::size_t index) {
  std::vector<std::uint8_t> scratch;
  const std::uint8_t* at = dataset.pixels(index, scratch);
  return {at, at + dataset.image_bytes()};
}

constexpr DatasetOptions small{.size = {6, 4}};

}  // namespace

TEST_CASE("images are decoded, resized and labelled, and kept while memory allows", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.png", grey_png(9, 7, 1));
  folder.write("b/2.png", grey_png(5, 8, 2));
  folder.write("b/3.jpg", bytes_of(colour_jpeg));
  const auto listed = list_image_folder(folder.path());
  const std::size_t one = 6 * 4 * 3;
  for (const std::size_t memory : {std::size_t{0}, 2 * one, std::size_t{1} << 20}) {
    DatasetOptions options = small;
    options.memory = memory;
    const ImageDataset dataset(listed, options);
    REQUIRE(dataset.size() == 3);
    CHECK(dataset.image_bytes() == one);
    CHECK(dataset.classes() == std::vector<std::string>{"a", "b"});
    CHECK(dataset.label(2) == 1);
    CHECK(dataset.name(2) == "b/3.jpg");
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(pixels(dataset, i) == resize_nearest(read_image(listed.items[i].file), 6, 4).rgb);
      }
    }
    std::vector<std::uint8_t> scratch;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < 3; ++i) kept += dataset.pixels(i, scratch) != scratch.data() ? 1 : 0;
    CHECK(kept == std::min<std::size_t>(3, memory / one));
    CHECK(dataset.kept_bytes() == kept * one);
  }
}

TEST_CASE("files are hashed once, when first asked for", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.png", grey_png(9, 7, 1));
  const auto second = folder.write("b/2.png", grey_png(5, 8, 2));
  const ImageDataset dataset(list_image_folder(folder.path()), small);
  const std::vector<std::string> hashes{sha256_hex(grey_png(9, 7, 1)), sha256_hex(grey_png(5, 8, 2))};
  CHECK(dataset.hashes() == hashes);
  const ImageDataset late(list_image_folder(folder.path()), small);
  std::filesystem::remove(second);
  CHECK(dataset.hashes() == hashes);
  CHECK_THROWS_AS(late.hashes(), FileError);
}

TEST_CASE("bad images throw when they are asked for, by name", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.png", grey_png(9, 7, 1));
  folder.write("a/2.bmp", bytes_of("BM000"));
  const ImageDataset dataset(list_image_folder(folder.path()), small);
  REQUIRE(dataset.size() == 2);
  CHECK_NOTHROW(pixels(dataset, 0));
  CHECK(has(message_of<ImageError>([&] { (void)pixels(dataset, 1); }), "2.bmp is a BMP image"));
}

TEST_CASE("bad images are left out and listed on request", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.png", {});
  folder.write("a/2.png", grey_png(9, 7, 1));
  auto cut = grey_png(9, 7, 1);
  cut.resize(cut.size() - 9);
  folder.write("a/3.png", cut);
  folder.write("b/4.png", bytes_of("text"));
  folder.write("b/5.png", grey_png(3, 3, 4));
  DatasetOptions options = small;
  options.bad_images = BadImages::skip;
  {
    const ImageDataset dataset(list_image_folder(folder.path()), options);
    REQUIRE(dataset.size() == 2);
    CHECK(dataset.name(0) == "a/2.png");
    CHECK(dataset.name(1) == "b/5.png");
    CHECK(dataset.label(1) == 1);
    CHECK(pixels(dataset, 1) == resize_nearest(read_image(folder.path() / "b/5.png"), 6, 4).rgb);
    REQUIRE(dataset.rejected().size() == 3);
    CHECK(dataset.rejected()[0].file == folder.path() / "a/1.png");
    CHECK(has(dataset.rejected()[1].reason, "3.png is cut short"));
    CHECK(has(dataset.rejected()[2].reason, "4.png is text"));
  }
  folder.write("b/5.png", {});
  CHECK(has(message_of<DataError>([&] { const ImageDataset none(list_image_folder(folder.path()), options); }),
                 "No image of the class 'b' in " + folder.path().string()));
}

TEST_CASE("impossible sizes are refused", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.png", grey_png(9, 7, 1));
  const auto listed = list_image_folder(folder.path());
  CHECK_THROWS_AS(ImageDataset(listed, {.size = {0, 4}}), ArgumentError);
  CHECK_THROWS_AS(ImageDataset(listed, {.size = {4, 1 << 20}}), ArgumentError);
}
