#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

#include <numeric>

using namespace cxrnet;

TEST_CASE("Flatten gives one vector of all elements", "[layers_flatten]") {
  CHECK(Flatten::output(image_dims(7, 7, 512)) == vector_dims(25088));
  CHECK(Flatten::output(vector_dims(9)) == vector_dims(9));
  CHECK_FALSE(Flatten::accepts(Dims{}));
}

TEST_CASE("Flatten keeps height, width, channel order", "[layers_flatten]") {
  using Net = Seq<Input<3, 2, 4>, Flatten>;
  std::vector<float> images(2 * 24);
  std::iota(images.begin(), images.end(), 0.0F);
  std::vector<float> vectors(images.size());
  Model<Net, Reference<float>>(2).predict(std::span<const float>(images), std::span(vectors));
  CHECK(vectors == images);
  CHECK(Traits<Net>::layers[1].name.view() == "flatten");
}
