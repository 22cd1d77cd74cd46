#include <cxrnet/core/shape.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Dims: what they are and how many elements", "[core_shape]") {
  CHECK(image_dims(7, 5, 3).size() == 105);
  CHECK(vector_dims(512).size() == 512);
  CHECK(Dims{}.size() == 0);
  CHECK(image_dims(100'000, 100'000, 3).size() == 30'000'000'000);  // beyond an int
  CHECK(image_dims(7, 5, 3).is_image());
  CHECK_FALSE(image_dims(7, 5, 3).is_vector());
  CHECK(vector_dims(3).is_vector());
  CHECK_FALSE(Dims{}.is_image());
  CHECK_FALSE(Dims{}.is_vector());
}

TEST_CASE("A vector is not the image of as many channels", "[core_shape]") {
  CHECK(vector_dims(3) != image_dims(1, 1, 3));
  CHECK(image_dims(7, 5, 3) != image_dims(5, 7, 3));
  CHECK(Shape<7, 5, 3>::dims == image_dims(7, 5, 3));
  CHECK(Vector<9>::dims == vector_dims(9));
}
