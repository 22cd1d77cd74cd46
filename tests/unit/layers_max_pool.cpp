#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("MaxPool drops what does not fill a window", "[layers_max_pool]") {
  CHECK(MaxPool<>::output(image_dims(224, 224, 64)) == image_dims(112, 112, 64));
  CHECK(MaxPool<2>::output(image_dims(5, 7, 3)) == image_dims(2, 3, 3));
  CHECK(MaxPool<3, 2>::output(image_dims(7, 8, 3)) == image_dims(3, 3, 3));
  CHECK(MaxPool<3, 1>::output(image_dims(3, 4, 1)) == image_dims(1, 2, 1));
}

TEST_CASE("MaxPool takes images that its window fits", "[layers_max_pool]") {
  CHECK(MaxPool<3>::accepts(image_dims(3, 3, 1)));
  CHECK_FALSE(MaxPool<3>::accepts(image_dims(2, 3, 1)));
  CHECK_FALSE(MaxPool<3>::accepts(image_dims(3, 2, 1)));
  CHECK_FALSE(MaxPool<1>::accepts(vector_dims(9)));
}

TEST_CASE("MaxPool lowers to one unpadded window, its step the size's unless said", "[layers_max_pool]") {
  using T = Traits<Seq<Input<9, 9, 2>, MaxPool<3>, MaxPool<2, 1>>>;
  REQUIRE(T::operation_count == 2);
  CHECK(T::operations[0].kind == op::Kind::max_pool);
  CHECK(T::operations[0].window == op::Window{3, 3, 3});
  CHECK(T::operations[1].window == op::Window{2, 2, 1});
  CHECK(T::layers[2].name.view() == "max_pooling2d_1");
}
