#include <cxrnet/op/builder.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("The builder chains values and numbers parameters by layer", "[op_builder]") {
  op::Operation operations[4];
  op::Builder builder(operations, 4, image_dims(2, 2, 3));
  builder.start_layer(5, 8);
  builder.emit({.kind = op::Kind::flatten, .out = vector_dims(12)});
  builder.activate(op::Activation::none);
  CHECK(builder.size() == 1);
  builder.add_bias(1);
  CHECK(builder.size() == 2);
  CHECK(builder.value() == 2);
  CHECK(builder.dims() == vector_dims(12));
  CHECK(operations[0].in == image_dims(2, 2, 3));
  CHECK(operations[0].inputs == std::array{0, -1});
  CHECK(operations[1].inputs == std::array{1, -1});
  CHECK(operations[1].bias == 9);
  CHECK(operations[1].layer == 5);
}

TEST_CASE("Forks and merges nest, and what does not fit is refused", "[op_builder]") {
  op::Operation operations[2];
  op::Builder builder(operations, 2, vector_dims(3));
  CHECK(builder.forked_dims() == Dims{});
  builder.fork();
  builder.activate(op::Activation::relu);
  CHECK(builder.forked_dims() == vector_dims(3));
  builder.merge();
  CHECK(builder.depth() == 0);
  CHECK(operations[1].kind == op::Kind::add);
  CHECK(operations[1].inputs == std::array{1, 0});
  CHECK_THROWS_AS(builder.activate(op::Activation::relu), const char*);
  for (int i = 0; i < op::Builder::max_depth; ++i) builder.fork();
  CHECK_THROWS_AS(builder.fork(), const char*);
}
