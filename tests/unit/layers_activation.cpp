#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <cmath>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Backend>
void check_sigmoid() {
  using Net = Seq<Input<1, 1, 5>, Sigmoid>;
  const std::vector<float> x{-200, -1, 0, 2, 200};
  std::vector<float> y(5);
  Model<Net, Backend>(1).predict(std::span<const float>(x), std::span(y));
  for (std::size_t i = 0; i < 5; ++i) CHECK(y[i] == Approx(1 / (1 + std::exp(-double{x[i]}))).margin(1e-7));
}

}  // namespace

TEST_CASE("Relu and Sigmoid take any shape and Softmax a vector, and all keep it", "[layers_activation]") {
  const Dims image = image_dims(4, 3, 2);
  const Dims vector = vector_dims(7);
  CHECK(Relu::accepts(image));
  CHECK(Relu::accepts(vector));
  CHECK_FALSE(Relu::accepts(Dims{}));
  CHECK(Sigmoid::accepts(image));
  CHECK(Sigmoid::output(image) == image);
  CHECK_FALSE(Sigmoid::accepts(Dims{}));
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

TEST_CASE("Sigmoid is 1 / (1 + exp(-x)), far from 0 too", "[layers_activation]") {
  check_sigmoid<Reference<double>>();
  check_sigmoid<OneDnn>();
}

TEST_CASE("Activations have the gradients of central differences", "[layers_activation]") {
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Probe, Sigmoid>>() < 1e-6);
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Probe, Relu>>() < 1e-6);
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Flatten, Probe, Softmax>>() < 1e-6);
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Flatten, Dense<4, Sigmoid>, Dense<3, Sigmoid>>>() < 1e-6);
}

TEST_CASE("Sigmoid on oneDNN goes both ways as the reference does", "[layers_activation]") {
  using Net = Seq<Input<3, 2, 2>, Probe, Sigmoid, Flatten, Dense<4, Sigmoid>, Dense<3, Sigmoid>>;
  using T = Traits<Net>;
  const auto parameters = random_values<float>(T::parameter_count, 1);
  const auto features = random_values<float>(3 * T::features.size(), 2);
  const auto seed = random_values<float>(3 * T::output.size(), 3);
  Head<Net, OneDnn> mine(parameters, 3);
  Head<Net, Reference<double>> truth(as<double>(parameters), 3);
  CHECK(relative_error(mine.forward(features), truth.forward(as<double>(features))) < 1e-5);
  CHECK(relative_error(mine.backward(seed), truth.backward(as<double>(seed))) < 1e-5);
}
