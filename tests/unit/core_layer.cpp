#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <type_traits>

using namespace cxrnet;

namespace {
struct NoOutput {
  static constexpr std::string_view kind = "no_output";
  using expects = AnyShape;
  static constexpr bool accepts(Dims) { return true; }
  static constexpr void lower(op::Builder&) {}
};
}  // namespace

TEST_CASE("What is a layer, and what it says of itself", "[core_layer]") {
  CHECK(LayerContract<Flatten>);
  CHECK(LayerContract<test::Scale>);
  CHECK_FALSE(LayerContract<NoOutput>);
  CHECK_FALSE(LayerContract<int>);
  CHECK(layer_parameters<Flatten>(vector_dims(3)).empty());
  CHECK(layer_parameters<Dense<4>>(vector_dims(3)).size() == 2);
  CHECK(layer_is_random<Dropout<0.5>>());
  CHECK_FALSE(layer_is_random<Flatten>());
}

TEST_CASE("Freeze reaches every layer inside and keeps its name", "[core_layer]") {
  using Frozen = Freeze<Seq<Flatten, Named<"top", Dense<2>>>>;
  CHECK(std::is_same_v<Frozen::nodes, NodeList<Node<Flatten, Trains::no>, Node<Dense<2>, Trains::no, "top">>>);
  CHECK(std::is_same_v<Seq<Flatten, Named<"top", Dense<2>>>::nodes,
                       NodeList<Node<Flatten>, Node<Dense<2>, Trains::yes, "top">>>);
}

TEST_CASE("A custom layer lowers to one operation on its own parameters", "[core_layer]") {
  using T = Traits<Seq<Input<1, 1, 3>, Flatten, Dense<4>, test::Scale>>;
  const op::Operation& o = T::operations[3];
  CHECK(o.kind == op::Kind::custom);
  CHECK(o.first_parameter == 2);
  CHECK(o.parameter_count == 1);
  CHECK(o.out == vector_dims(4));
  CHECK(o.custom->of<double>().forward == &test::Scale::forward<double>);
  CHECK(o.custom->of<float>().backward == &test::Scale::backward<float>);
}
