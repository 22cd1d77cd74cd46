#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/rewrite.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

#include <type_traits>

using namespace cxrnet;

namespace {
using Net = Seq<Input<2, 2, 1>, Flatten, Dropout<0.3>, Dense<2>>;
}  // namespace

TEST_CASE("Dropout keeps any shape, draws numbers and has no parameters", "[layers_dropout]") {
  CHECK(Dropout<0.3>::accepts(vector_dims(4)));
  CHECK(Dropout<0>::accepts(image_dims(4, 4, 2)));
  CHECK_FALSE(Dropout<0.3>::accepts(Dims{}));
  CHECK(Dropout<0.3>::output(image_dims(4, 3, 2)) == image_dims(4, 3, 2));
  CHECK(layer_is_random<Dropout<0.3>>());
  CHECK_FALSE(std::is_same_v<Dropout<0.3>, Dropout<0.25>>);
  CHECK(Traits<Net>::operations[1].kind == op::Kind::dropout);
  CHECK(Traits<Net>::operations[1].rate == 0.3);
  CHECK(Traits<Net>::layers[2].name.view() == "dropout");
  CHECK(Traits<Net>::layers[2].parameter_count == 0);
}

TEST_CASE("Dropout ends the features, and inference has none", "[layers_dropout]") {
  CHECK(Traits<Net>::cut == 2);
  for (const auto& o : Rewrite<Net, Reference<float>, Mode::inference>::operations) CHECK(o.kind != op::Kind::dropout);
  CHECK(Rewrite<Net, Reference<float>, Mode::training>::head[0].kind == op::Kind::dropout);
}
