#include <cxrnet/op/operation.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("An operation's flops are two a multiply-add, those of a sum over inputs alone", "[op_operation]") {
  op::Operation conv{
      .kind = op::Kind::convolution, .in = image_dims(8, 6, 3), .out = image_dims(6, 4, 5), .window = {3, 3}};
  CHECK(op::flops(conv) == 2.0 * (6 * 4 * 5) * (3 * 3 * 3));
  conv.pool = {2, 2, 2};  // fused behind: it leaves less, the convolution computes as much
  conv.out = image_dims(3, 2, 5);
  CHECK(op::before_pool(conv) == image_dims(6, 4, 5));
  CHECK(op::flops(conv) == 2.0 * (6 * 4 * 5) * (3 * 3 * 3));
  CHECK(op::flops({.kind = op::Kind::dense, .in = vector_dims(512), .out = vector_dims(128)}) == 2.0 * 512 * 128);
  CHECK(op::flops({.kind = op::Kind::max_pool, .in = image_dims(4, 4, 1), .out = image_dims(2, 2, 1)}) == 0);
}

TEST_CASE("The shape before a fused pool counts stride and padding", "[op_operation]") {
  op::Operation conv{.kind = op::Kind::convolution, .in = image_dims(6, 5, 3), .out = image_dims(1, 1, 7)};
  conv.window = {3, 3, 2, 0, 1, 1, 1};
  CHECK(op::before_pool(conv) == image_dims(1, 1, 7));  // no pool
  conv.pool = {2, 2, 2};
  CHECK(op::before_pool(conv) == image_dims(3, 3, 7));
}

TEST_CASE("An operation reads a second value only where branches meet", "[op_operation]") {
  CHECK(op::Operation{}.input_count() == 1);
  CHECK(op::Operation{.inputs = {3, 0}}.input_count() == 2);
  CHECK_FALSE(op::Operation{}.backward());
  CHECK(op::Operation{.gradient_in = true}.backward());
  CHECK(op::Operation{.gradient_parameters = true}.backward());
}
