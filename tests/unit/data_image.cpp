#include <cxrnet/data/image.hpp>

#include "data_fixtures.hpp"
#include <algorithm>
#include <cstdlib>
#include <random>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::string refusal(std::span<const std::byte> bytes) {
  return message_of<ImageError>([&] { (void)decode_image(bytes, "folder/name.png"); });
}

std::vector<int> values(const Image& image) { return {image.rgb.begin(), image.rgb.end()}; }

}  // namespace

TEST_CASE("every kind of PNG becomes 8-bit RGB", "[image]") {
  const auto decode = [](PngWriter& png) { return values(decode_image(png.done(), "a.png")); };
  const auto decoded = [&](PngWriter&& png) { return decode(png); };

  CHECK(decoded(std::move(PngWriter().header(2, 1, 8, 0).pixels("\x05\xf0", 2))) ==
        std::vector{5, 5, 5, 240, 240, 240});
  CHECK(decoded(std::move(PngWriter().header(2, 1, 1, 0).pixels("\x40", 1))) == std::vector{0, 0, 0, 255, 255, 255});
  CHECK(decoded(std::move(PngWriter().header(1, 2, 8, 2).pixels("\x01\x02\x03\x04\x05\x06", 3))) ==
        std::vector{1, 2, 3, 4, 5, 6});
  SECTION("alpha is dropped, not blended") {
    CHECK(decoded(std::move(PngWriter().header(1, 1, 8, 4).pixels(std::string("\x07\x00", 2), 2))) ==
          std::vector{7, 7, 7});
    CHECK(decoded(std::move(PngWriter().header(1, 1, 8, 6).pixels(std::string("\x07\x08\x09\x00", 4), 4))) ==
          std::vector{7, 8, 9});
  }
  SECTION("a palette, with and without transparency") {
    CHECK(decoded(std::move(
              PngWriter().header(2, 1, 8, 3).chunk("PLTE", "\x0a\x0b\x0c\x0d\x0e\x0f").pixels(std::string("\1\0", 2), 2))) ==
          std::vector{13, 14, 15, 10, 11, 12});
    CHECK(decoded(std::move(PngWriter()
                                .header(1, 1, 8, 3)
                                .chunk("PLTE", "\x0a\x0b\x0c")
                                .chunk("tRNS", std::string(1, '\0'))
                                .pixels(std::string(1, '\0'), 1))) == std::vector{10, 11, 12});
  }
  SECTION("16 bits are scaled, where Pillow would clip") {
    CHECK(decoded(std::move(PngWriter().header(2, 1, 16, 0).pixels("\x12\x34\xff\xff", 4))) ==
          std::vector{18, 18, 18, 255, 255, 255});
  }
}

TEST_CASE("JPEGs, baseline and progressive, colour and grey", "[image]") {
  const Image colour = decode_image(bytes_of(colour_jpeg), "a.jpg");
  REQUIRE(colour.width == 16);
  REQUIRE(colour.height == 12);
  const Image grey = decode_image(bytes_of(grey_jpeg), "a.jpg");
  REQUIRE(grey.width == 7);
  REQUIRE(grey.height == 9);
  int worst_colour = 0;
  int worst_grey = 0;
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 16; ++x) {
      const int expected[3] = {16 * x, 20 * y, 9 * (x + y)};
      for (int c = 0; c < 3; ++c) {
        const int got = colour.rgb[static_cast<std::size_t>((y * 16 + x) * 3 + c)];
        worst_colour = std::max(worst_colour, std::abs(got - expected[c]));
      }
      if (x >= 7 || y >= 9) continue;
      for (int c = 0; c < 3; ++c) {
        const int got = grey.rgb[static_cast<std::size_t>((y * 7 + x) * 3 + c)];
        worst_grey = std::max(worst_grey, std::abs(got - (25 * y + 4 * x)));
      }
    }
  }
  CHECK(worst_colour <= 8);
  CHECK(worst_grey <= 8);
}

TEST_CASE("format and size without decoding", "[image]") {
  const TemporaryFolder folder;
  CHECK(inspect_image(folder.write("a", bytes_of(colour_jpeg))) == ImageInfo{ImageFormat::jpeg, 12, 16});
  CHECK(inspect_image(folder.write("b", grey_png(300, 400, 1))) == ImageInfo{ImageFormat::png, 400, 300});

  // A JPEG whose size comes after 200 KiB of metadata.
  auto bytes = bytes_of(colour_jpeg);
  std::vector<std::byte> metadata{std::byte{0xFF}, std::byte{0xE5}, std::byte{0xFF}, std::byte{0xFF}};
  metadata.resize(65537);
  for (int i = 0; i < 3; ++i) bytes.insert(bytes.begin() + 2, metadata.begin(), metadata.end());
  const auto late = folder.write("late.jpg", bytes);
  CHECK(inspect_image(late) == ImageInfo{ImageFormat::jpeg, 12, 16});
  CHECK(read_image(late).rgb == decode_image(bytes_of(colour_jpeg), "a").rgb);
}

TEST_CASE("what is no image is refused by name and kind", "[image]") {
  CHECK(has(refusal({}), "folder/name.png is empty"));
  CHECK(has(refusal(bytes_of("just some notes\n")), "folder/name.png is text, whatever its name says"));
  CHECK(has(refusal(bytes_of("GIF89a.......")), "is a GIF image"));
  CHECK(has(refusal(bytes_of("BM\x10")), "is a BMP image"));
  CHECK(has(refusal(bytes_of(std::string_view("II*\0\1", 5))), "is a TIFF image"));
  CHECK(has(refusal(bytes_of(std::string_view("\0\1\2", 3))), "is no image that is known here"));
  CHECK(has(refusal(bytes_of(std::string(128, '\0') + "DICM")), "is a DICOM file"));

  const TemporaryFolder folder;
  const auto missing = folder.path() / "none.png";
  CHECK(has(message_of<ImageError>([&] { (void)read_image(missing); }), "none.png does not exist"));
  CHECK(has(message_of<ImageError>([&] { (void)read_image(folder.path()); }), "is not a file"));
  CHECK(has(message_of<ImageError>([&] { (void)inspect_image(folder.write("a.png", {})); }), "a.png is empty"));
}

TEST_CASE("a file cut short anywhere is refused", "[image]") {
  for (const auto& whole : {bytes_of(colour_jpeg), bytes_of(grey_jpeg), grey_png(5, 4, 3)}) {
    REQUIRE(refusal(whole) == nothing_thrown);
    int accepted = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      accepted += refusal(std::span(whole).first(size)) == nothing_thrown ? 1 : 0;
    }
    CHECK(accepted == 0);
  }
  const auto jpeg = bytes_of(colour_jpeg);
  CHECK(has(refusal(std::span(jpeg).first(jpeg.size() - 20)), "folder/name.png is cut short"));
}

TEST_CASE("absurd sizes are refused before anything is allocated", "[image]") {
  CHECK(has(refusal(PngWriter().header(100000, 100000, 8, 0).pixels("x", 1).done()), "folder/name.png is 100000 x 100000 pixels, above the limits of 16384 a side"));
  CHECK(has(refusal(PngWriter().header(16384, 16384, 8, 6).pixels("x", 1).done()), "and 64 million in all"));
  CHECK(refusal(PngWriter().header(0x7fffffff, 0x7fffffff, 16, 6).pixels("x", 1).done()) != nothing_thrown);
  CHECK(refusal(PngWriter().header(0, 4, 8, 0).pixels("x", 1).done()) != nothing_thrown);
  // Within the limits, but with nothing like as many pixels.
  CHECK(has(refusal(PngWriter().header(8000, 8000, 8, 0).pixels("x", 1).done()), "cannot be decoded"));
}

TEST_CASE("a small file that would inflate to hundreds of megabytes is refused", "[image]") {
  std::string zlib = "\x78\x01";
  unsigned held = 0;
  unsigned count = 0;
  const auto put = [&](unsigned bits, unsigned number, bool code) {
    for (unsigned i = 0; i < number; ++i) {
      const unsigned bit = (code ? bits >> (number - 1 - i) : bits >> i) & 1U;
      held |= bit << count;
      if (++count == 8) {
        zlib += static_cast<char>(held);
        held = count = 0;
      }
    }
  };
  put(1, 1, false);          // the last block,
  put(1, 2, false);          // with the fixed codes:
  put(0x30, 8, true);        // a zero,
  for (int i = 0; i < 1000000; ++i) {
    put(0xC5, 8, true);      // 258 bytes more,
    put(0, 5, true);         // copied from one byte before.
  }
  put(0, 7, true);
  put(0, 7, false);
  CHECK(has(refusal(PngWriter().header(1, 1, 8, 0).chunk("IDAT", zlib).done()), "cannot be decoded"));
}

TEST_CASE("damage never gets further than an ImageError", "[image]") {
  std::mt19937 random(1);
  int refused = 0;
  for (const auto& whole : {bytes_of(colour_jpeg), bytes_of(grey_jpeg), grey_png(9, 8, 3)}) {
    for (int round = 0; round < 1500; ++round) {
      auto damaged = whole;
      for (unsigned hits = 1 + random() % 4; hits > 0; --hits) {
        damaged[random() % damaged.size()] = static_cast<std::byte>(random() & 0xFFU);
      }
      try {
        const Image image = decode_image(damaged, "a");
        REQUIRE(image.rgb.size() ==
                static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) * 3);
      } catch (const ImageError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 1500);

  auto png = grey_png(9, 8, 3);
  png[60] ^= std::byte{1};
  CHECK(has(refusal(png), "is damaged: the checksum"));
}
