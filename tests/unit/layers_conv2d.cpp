#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Conv2D's output shapes are TensorFlow's for both paddings and any stride", "[layers_conv2d]") {
  const Dims in = image_dims(5, 6, 3);
  CHECK(Conv2D<8, 3>::output(in) == image_dims(3, 4, 8));
  CHECK(Conv2D<8, 3, Stride<2>>::output(in) == image_dims(2, 2, 8));
  CHECK(Conv2D<8, 3, Same>::output(in) == image_dims(5, 6, 8));
  CHECK(Conv2D<8, 4, Same>::output(in) == image_dims(5, 6, 8));
  CHECK(Conv2D<8, 3, Same, Stride<2>>::output(in) == image_dims(3, 3, 8));
}

TEST_CASE("Conv2D takes images that its window fits", "[layers_conv2d]") {
  CHECK(Conv2D<8, 3>::accepts(image_dims(3, 3, 1)));
  CHECK_FALSE(Conv2D<8, 3>::accepts(image_dims(2, 9, 1)));
  CHECK_FALSE(Conv2D<8, 3>::accepts(image_dims(9, 2, 1)));
  CHECK(Conv2D<8, 3, Same>::accepts(image_dims(1, 1, 1)));
  CHECK_FALSE(Conv2D<8, 1, Same>::accepts(vector_dims(9)));
}

TEST_CASE("Conv2D lowers to a convolution, a bias and its activation", "[layers_conv2d]") {
  using T = Traits<Seq<Input<5, 6, 3>, Conv2D<8, 3, Relu, Same>, Conv2D<2, 1>>>;
  REQUIRE(T::operation_count == 5);
  CHECK(T::operations[0].kind == op::Kind::convolution);
  CHECK(T::operations[0].window == op::Window{3, 3, 1, 1, 1, 1, 1});
  CHECK(T::operations[1].kind == op::Kind::bias);
  CHECK(T::operations[2].activation == op::Activation::relu);
  CHECK(T::operations[3].kernel == 2);
  CHECK(T::operations[4].bias == 3);
  CHECK(T::parameters[0].parameter.dims == std::array{3, 3, 3, 8});
  CHECK(T::parameters[2].parameter.dims == std::array{1, 1, 8, 2});
  CHECK(T::parameters[3].name.view() == "conv2d_1.bias");
}
