#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/bias.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "network.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<5, 4, 2>, Probe, Conv2D<3, 3, NoBias, Relu, Same>, Conv2D<2, 2, Stride<2>, NoBias>, Flatten,
                Dense<3, NoBias, Relu>, Dense<2, NoBias>>;

}  // namespace

TEST_CASE("Without a bias there is neither its parameter nor its operation", "[layers_bias]") {
  using T = Traits<Seq<Input<5, 6, 3>, Conv2D<8, 3, NoBias, Relu>, Flatten, Dense<4, NoBias>, Dense<2>>>;
  REQUIRE(T::parameters.size() == 4);
  CHECK(T::parameters[0].name.view() == "conv2d.kernel");
  CHECK(T::parameters[1].name.view() == "dense.kernel");
  CHECK(T::parameters[3].name.view() == "dense_1.bias");
  CHECK(T::parameter_count == 3 * 3 * 3 * 8 + 96 * 4 + 4 * 2 + 2);
  REQUIRE(T::operation_count == 6);
  CHECK(T::operations[0].bias == -1);
  CHECK(T::operations[1].kind == op::Kind::activation);
  CHECK(T::operations[5].kind == op::Kind::bias);
  CHECK(std::is_same_v<Dense<2>::Bias, WithBias>);
}

TEST_CASE("Layers without a bias have the gradients of central differences", "[layers_bias]") {
  CHECK(gradient_error<Net>() < 1e-6);
}

TEST_CASE("oneDNN runs layers without a bias both ways as the reference does", "[layers_bias]") {
  using T = Traits<Net>;
  const auto parameters = random_values<float>(T::parameter_count, 1);
  const auto features = random_values<float>(3 * T::features.size(), 2);
  const auto seed = random_values<float>(3 * T::output.size(), 3);
  Head<Net, OneDnn> mine(parameters, 3);
  Head<Net, Reference<double>> truth(as<double>(parameters), 3);
  CHECK(relative_error(mine.forward(features), truth.forward(as<double>(features))) < 1e-5);
  CHECK(relative_error(mine.backward(seed), truth.backward(as<double>(seed))) < 1e-5);
}
