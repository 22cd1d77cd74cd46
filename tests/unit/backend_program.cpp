#include <cxrnet/backend/program.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("An operation is described by its kind and what is fused to it", "[backend_program]") {
  op::Operation conv{.kind = op::Kind::convolution};
  CHECK(describe(conv) == "convolution");
  conv.bias = 0;
  CHECK(describe(conv) == "convolution+bias");
  conv.activation = op::Activation::relu;
  CHECK(describe(conv) == "convolution+bias+relu");
  conv.pool = {2, 2, 2};
  CHECK(describe(conv) == "convolution+bias+relu+max_pool");
  CHECK(describe({.kind = op::Kind::dense, .activation = op::Activation::softmax}) == "dense+softmax");
}

TEST_CASE("An operation by itself is described by one word", "[backend_program]") {
  CHECK(describe({.kind = op::Kind::bias, .bias = 3}) == "bias");
  CHECK(describe({.kind = op::Kind::activation, .activation = op::Activation::relu}) == "relu");
  CHECK(describe({.kind = op::Kind::activation, .activation = op::Activation::softmax}) == "softmax");
  CHECK(describe({.kind = op::Kind::max_pool, .window = {2, 2, 2}}) == "max_pool");
  CHECK(describe({.kind = op::Kind::global_average_pool}) == "global_average_pool");
  CHECK(describe({.kind = op::Kind::flatten}) == "flatten");
  CHECK(describe({.kind = op::Kind::dropout}) == "dropout");
  CHECK(describe({.kind = op::Kind::add}) == "add");
  CHECK(describe({.kind = op::Kind::custom}) == "custom");
}
