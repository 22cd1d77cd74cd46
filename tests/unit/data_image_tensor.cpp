#include <cxrnet/data/image_tensor.hpp>

#include "data_fixtures.hpp"

#include <algorithm>

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("Image files become one tensor, in their order, resized as for training", "[data_image_tensor]") {
  const TemporaryFolder folder;
  const std::vector files{folder.write("a.png", grey_png(4, 3, 1)), folder.write("b.png", grey_png(9, 7, 2))};
  const auto images = read_images(files, 3, 4);
  CHECK(images.shape() == decltype(images)::shape_type{2, 3, 4, 3});
  CHECK(images(0, 1, 2, 0) == 2 * (2 * 7 + 13) + 1);  // the first has that size already
  for (std::size_t i = 0; i < 2; ++i) {
    const Image expected = resize_nearest(read_image(files[i]), 3, 4);
    CHECK(std::equal(expected.rgb.begin(), expected.rgb.end(), images.data() + i * 36));
  }
}

TEST_CASE("One image is a batch of one, 224 x 224 unless said", "[data_image_tensor]") {
  const TemporaryFolder folder;
  const auto image = read_image_tensor(folder.write("a.jpg", bytes_of(colour_jpeg)));
  CHECK(image.shape() == decltype(image)::shape_type{1, 224, 224, 3});
  CHECK(image(0, 0, 223, 0) > image(0, 0, 0, 0) + 150);  // red grows to the right
}

TEST_CASE("A file that is no image is refused by name", "[data_image_tensor]") {
  const TemporaryFolder folder;
  const auto file = folder.write("no.png", bytes_of("text"));
  CHECK(has(message_of<ImageError>([&] { (void)read_image_tensor(file); }), file.string()));
}
