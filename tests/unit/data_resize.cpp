#include <cxrnet/data/resize.hpp>

#include "data_fixtures.hpp"
#include "npy.hpp"
#include "shared.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("the source of each pixel is found by walking, as Pillow does", "[resize]") {
  CHECK(cxrnet::detail::nearest_indices(4, 4) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(cxrnet::detail::nearest_indices(5, 2) == std::vector<std::size_t>{1, 3});
  CHECK(cxrnet::detail::nearest_indices(1, 3) == std::vector<std::size_t>{0, 0, 0});
  // (i + 0.5) * 1024 / 224 is a whole number at i = 3: exactly 16, which the walk comes just short of.
  const auto indices = cxrnet::detail::nearest_indices(1024, 224);
  CHECK(indices[3] == 15);
  CHECK(indices[223] == 1021);

  const Image image{2, 1, {1, 2, 3, 4, 5, 6}};
  CHECK(resize_nearest(image, 4, 2).rgb == std::vector<std::uint8_t>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3,
                                                                     4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6});
}

TEST_CASE("a file decoded straight to a size has the pixels of one decoded and resized", "[resize]") {
  for (const auto& file : {bytes_of(colour_jpeg), bytes_of(grey_jpeg), grey_png(9, 40, 3)}) {
    for (const auto& [height, width] : {std::pair{3, 5}, {12, 16}, {30, 1}}) {
      std::vector<std::uint8_t> rgb(static_cast<std::size_t>(height * width * 3));
      decode_resized(file, "a", height, width, rgb.data());
      CHECK(rgb == resize_nearest(decode_image(file, "a"), height, width).rgb);
    }
  }
}

TEST_CASE("real images decode and shrink as in Keras", "[resize][golden]") {
  const auto shared = shared_or_skip("golden/resize");
  if (!shared) return;
  std::ifstream in(*shared / "golden/resize/files.json");
  const auto files = nlohmann::json::parse(in);
  REQUIRE(files.size() == 8);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::filesystem::path file = *shared / "cxr" / files[i]["file"].get<std::string>();
    const Image image = read_image(file);
    CHECK(image.width == files[i]["size_wh"][0]);
    CHECK(image.height == files[i]["size_wh"][1]);
    const Image resized = resize_nearest(image, 224, 224);
    const auto expected = npy<std::uint8_t>(*shared / "golden/resize" / (std::to_string(i) + ".npy"));
    REQUIRE(expected.size() == resized.rgb.size());
    int worst = 0;
    for (std::size_t k = 0; k < resized.rgb.size(); ++k) {
      worst = std::max(worst, std::abs(int{resized.rgb[k]} - int{expected.data()[k]}));
    }
    INFO(file << " differs by up to " << worst);
    CHECK(worst <= (files[i]["format"] == "PNG" ? 0 : 2));
  }
}
