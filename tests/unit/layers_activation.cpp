#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Relu takes any shape and Softmax a vector, and both keep it", "[layers_activation]") {
  const Dims image = image_dims(4, 3, 2);
  const Dims vector = vector_dims(7);
  CHECK(Relu::accepts(image));
  CHECK(Relu::accepts(vector));
  CHECK_FALSE(Relu::accepts(Dims{}));
  CHECK(Softmax::accepts(vector));
  CHECK_FALSE(Softmax::accepts(image));
  CHECK(Relu::output(image) == image);
  CHECK(Softmax::output(vector) == vector);
}

TEST_CASE("Activations as layers lower to one operation each, under Keras's names", "[layers_activation]") {
  using T = Traits<Seq<Input<4, 3, 2>, Relu, Flatten, Softmax>>;
  REQUIRE(T::operation_count == 3);
  CHECK(T::operations[0].kind == op::Kind::activation);
  CHECK(T::operations[0].activation == op::Activation::relu);
  CHECK(T::operations[0].out == image_dims(4, 3, 2));
  CHECK(T::operations[2].activation == op::Activation::softmax);
  CHECK(T::layers[1].name.view() == "re_lu");
  CHECK(T::layers[3].name.view() == "softmax");
  CHECK(T::parameter_count == 0);
  CHECK_FALSE(LayerContract<Linear>);
}
