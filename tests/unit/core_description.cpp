#include <cxrnet/core/description.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("A description holds what the type does", "[core_description]") {
  using Net = Seq<Input<8, 8, 3, ImageNetCaffe>, Freeze<Conv2D<4, 3, Relu>>, GAP, Dense<2, Softmax>>;
  const Description& d = description_of<Net>;
  CHECK(d.layers.size() == 4);
  CHECK(d.parameters.size() == 4);
  CHECK(d.operations.size() == 7);  // not the storage's 16
  CHECK(d.operations.back().activation == op::Activation::softmax);
  CHECK(d.input == image_dims(8, 8, 3));
  CHECK(d.features == vector_dims(4));
  CHECK(d.output == vector_dims(2));
  CHECK(d.cut == 3);
  CHECK(d.parameter_count == 3 * 3 * 3 * 4 + 4 + 4 * 2 + 2);
  CHECK(d.trainable_count == 4 * 2 + 2);
  CHECK(d.flops == 2.0 * (6 * 6 * 4) * (3 * 3 * 3) + 2.0 * 4 * 2);
  CHECK(d.preprocess == "imagenet");
  REQUIRE(d.channel_maps.size() == 3);
  CHECK(d.channel_maps[0] == ChannelMap{2, 1.0F, -103.939F});
  CHECK(description_of<Seq<Input<4, 4, 5>, GAP, Dense<2>>>.channel_maps.size() == 5);
}
