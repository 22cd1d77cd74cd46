// A program's own stb_image, with other options and before and after ours, in a second unit that decodes.
#define STBI_NO_PSD
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <cxrnet/data/image.hpp>
#include <stb_image.h>
#pragma GCC diagnostic pop
#include <cxrnet/data/image.hpp>

#include "data_fixtures.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("a program's own stb_image stays as it was", "[image]") {
  constexpr std::array<unsigned char, 58> bmp{'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0,
                                              0,   0,   1,  0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0,
                                              0,   0,   0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 8, 7, 0};
  int width = 0;
  int height = 0;
  int channels = 0;
  unsigned char* pixels = ::stbi_load_from_memory(bmp.data(), bmp.size(), &width, &height, &channels, 3);
  REQUIRE(pixels != nullptr);
  CHECK(pixels[0] == 7);
  ::stbi_image_free(pixels);

  CHECK(has(message_of<ImageError>([&] { (void)decode_image(bytes_of(bmp), "a.bmp"); }), "a.bmp is a BMP image"));
  CHECK(decode_image(bytes_of(colour_jpeg), "a.jpg").width == 16);
}
