#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Dense takes vectors alone", "[layers_dense]") {
  CHECK(Dense<4>::accepts(vector_dims(1)));
  CHECK_FALSE(Dense<4>::accepts(image_dims(1, 1, 9)));
  CHECK_FALSE(Dense<4>::accepts(Dims{}));
  CHECK(Dense<4>::output(vector_dims(9)) == vector_dims(4));
}

TEST_CASE("Dense asks for Keras's parameters and lowers to product, bias and activation", "[layers_dense]") {
  using T = Traits<Seq<Input<2, 3, 4>, Flatten, Dense<5, Relu>, Dense<2>>>;
  REQUIRE(T::parameters.size() == 4);
  CHECK(T::parameters[0].name.view() == "dense.kernel");
  CHECK(T::parameters[0].parameter.dims == std::array{24, 5, 1, 1});
  CHECK(T::parameters[0].parameter.init == Init::glorot_uniform);
  CHECK(T::parameters[1].parameter.init == Init::zeros);
  CHECK(T::parameters[2].name.view() == "dense_1.kernel");
  CHECK(T::parameter_count == 24 * 5 + 5 + 5 * 2 + 2);
  REQUIRE(T::operation_count == 6);  // the last dense is linear, which is no operation
  CHECK(T::operations[1].kind == op::Kind::dense);
  CHECK(T::operations[2].bias == 1);
  CHECK(T::operations[3].activation == op::Activation::relu);
  CHECK(T::operations[4].kernel == 2);
  CHECK(T::operations[5].kind == op::Kind::bias);
}
