#include <cxrnet/data/plain_jpeg.hpp>

#include "data_fixtures.hpp"
#include "jpeg_writer.hpp"

#include <algorithm>
#include <random>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// A JPEG of noise, as libjpeg's defaults for a colour space have it and `change` changes them.
template <class Change>
std::vector<std::byte> jpeg(J_COLOR_SPACE colours, int components, Change change) {
  std::mt19937 random(3);
  return written_jpeg(colours, components, 33, 17, change, [&](int, std::vector<unsigned char>& row) {
    for (auto& byte : row) byte = static_cast<unsigned char>(random() & 0xFFU);
  });
}

constexpr auto as_it_is = [](jpeg_compress_struct&) {};

/// 0: of another kind.
int components(std::span<const std::byte> file) {
  const auto found = plain_jpeg(file, "a.jpg");
  return found ? found->components : 0;
}

std::size_t place_of(std::span<const std::byte> file, int marker) {
  for (std::size_t i = 0; i + 1 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && std::to_integer<int>(file[i + 1]) == marker) return i;
  }
  throw std::runtime_error("no such marker");
}

}  // namespace

TEST_CASE("baseline files, grey and YCbCr, are plain JPEG", "[image]") {
  const auto file = bytes_of(colour_jpeg);
  auto longer = file;
  longer.resize(longer.size() + 100);
  const auto plain = plain_jpeg(longer, "a.jpg");
  REQUIRE(plain);
  CHECK(plain->height == 12);
  CHECK(plain->width == 16);
  CHECK(plain->components == 3);
  CHECK(std::ranges::equal(plain->bytes, file));  // and nothing of what was behind it

  CHECK(components(jpeg(JCS_GRAYSCALE, 1, as_it_is)) == 1);
  CHECK(components(jpeg(JCS_RGB, 3, as_it_is)) == 3);  // halved twice, by default
  for (const auto& [h, v] : {std::pair{1, 1}, {2, 1}, {1, 2}}) {
    CHECK(components(jpeg(JCS_RGB, 3, [h = h, v = v](jpeg_compress_struct& codec) {
            codec.comp_info[0].h_samp_factor = h;
            codec.comp_info[0].v_samp_factor = v;
          })) == 3);
  }
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) { codec.restart_interval = 2; })) == 3);
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) { codec.write_Adobe_marker = TRUE; })) == 3);
}

TEST_CASE("other images are none", "[image]") {
  CHECK(components(grey_png(5, 4, 1)) == 0);
  CHECK(components(bytes_of(grey_jpeg)) == 0);  // progressive
  CHECK(components(jpeg(JCS_CMYK, 4, as_it_is)) == 0);
  const auto in_colours = [](J_COLOR_SPACE colours) {
    return [colours](jpeg_compress_struct& codec) { jpeg_set_colorspace(&codec, colours); };
  };
  CHECK(components(jpeg(JCS_CMYK, 4, in_colours(JCS_YCCK))) == 0);
  CHECK(components(jpeg(JCS_RGB, 3, in_colours(JCS_RGB))) == 0);
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) { codec.arith_code = TRUE; })) == 0);
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) { codec.comp_info[0].h_samp_factor = 4; })) == 0);
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) { codec.comp_info[1].component_id = 9; })) == 0);
  CHECK(components(jpeg(JCS_GRAYSCALE, 1, [](jpeg_compress_struct& codec) { codec.comp_info[0].v_samp_factor = 2; })) == 0);
  static const jpeg_scan_info apart[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  CHECK(components(jpeg(JCS_RGB, 3, [](jpeg_compress_struct& codec) {
          codec.scan_info = apart;
          codec.num_scans = 3;
        })) == 0);

  // A second frame, of which another reader might take its size.
  auto two = bytes_of(colour_jpeg);
  const auto frame = two.begin() + static_cast<std::ptrdiff_t>(place_of(two, 0xC0));
  const std::vector<std::byte> again(frame, frame + 19);
  two.insert(frame, again.begin(), again.end());
  CHECK(components(two) == 0);
  auto deep = bytes_of(colour_jpeg);
  deep[place_of(deep, 0xC0) + 4] = std::byte{12};
  CHECK(components(deep) == 0);
}

TEST_CASE("what is wrong with a file before its pixels is said as decoding it says it", "[image]") {
  const auto complaint = [](std::span<const std::byte> bytes, auto decode) {
    return message_of<ImageError>([&] { static_cast<void>(decode(bytes, "folder/name.jpg")); });
  };
  auto wrong_table = bytes_of(colour_jpeg);
  wrong_table[place_of(wrong_table, 0xC0) + 12] = std::byte{3};  // quantisation by a table that there is not
  CHECK(has(complaint(wrong_table, plain_jpeg), "folder/name.jpg cannot be decoded"));
  CHECK(has(complaint({}, plain_jpeg), "folder/name.jpg is empty"));

  std::mt19937 random(2);
  int said = 0, plain = 0;
  for (int round = 0; round < 3000; ++round) {
    auto damaged = bytes_of(colour_jpeg);
    for (auto hits = 1 + random() % 3; hits > 0; --hits) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random() & 0xFFU);
    }
    const std::string what = complaint(damaged, [&](auto bytes, const auto& name) {
      const auto found = plain_jpeg(bytes, name);
      plain += found ? 1 : 0;
      return 0;
    });
    if (what == nothing_thrown) continue;
    ++said;
    REQUIRE(what == complaint(damaged, decode_image));
  }
  CHECK(said > 300);
  CHECK(plain > 300);
}
