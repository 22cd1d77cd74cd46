#include <cxrnet/op/rules.hpp>

#include "catch.hpp"

#include <type_traits>

using namespace cxrnet;

namespace {
constexpr op::Operation conv{.kind = op::Kind::convolution, .out = image_dims(4, 4, 2)};
constexpr op::Operation dense{.kind = op::Kind::dense};
constexpr op::Operation bias{.kind = op::Kind::bias, .bias = 7};
constexpr op::Operation relu{.kind = op::Kind::activation, .activation = op::Activation::relu};
constexpr op::Operation softmax{.kind = op::Kind::activation, .activation = op::Activation::softmax};
constexpr op::Operation pool{.kind = op::Kind::max_pool, .window = {2, 2, 2}};

template <class Rule>
bool fuses(op::Operation first, const op::Operation& next, Mode mode = Mode::inference) {
  return Rule::fuse(first, next, mode);
}

struct Backend {
  using rules = Rules<FuseBias, FuseRelu>;
  static constexpr int images = 8;
};
}  // namespace

TEST_CASE("A bias joins a sum once, and before its activation", "[op_rules]") {
  op::Operation first = conv;
  CHECK(FuseBias::fuse(first, bias, Mode::training));
  CHECK(first.bias == 7);
  CHECK_FALSE(FuseBias::fuse(first, bias, Mode::training));
  CHECK(fuses<FuseBias>(dense, bias));
  CHECK_FALSE(fuses<FuseBias>(pool, bias));
  CHECK_FALSE(fuses<FuseBias>(conv, relu));
  first = dense;
  CHECK(FuseRelu::fuse(first, relu, Mode::training));
  CHECK_FALSE(FuseBias::fuse(first, bias, Mode::inference));
}

TEST_CASE("ReLU joins a sum, before its pool alone, and softmax never", "[op_rules]") {
  op::Operation first = conv;
  CHECK(FuseMaxPool::fuse(first, pool, Mode::inference));
  CHECK(first.pool == pool.window);
  CHECK_FALSE(FuseRelu::fuse(first, relu, Mode::inference));
  CHECK_FALSE(FuseMaxPool::fuse(first, pool, Mode::inference));
  CHECK(fuses<FuseRelu>(conv, relu));
  CHECK_FALSE(fuses<FuseRelu>(conv, softmax));
  CHECK_FALSE(fuses<FuseRelu>(bias, relu));
  CHECK_FALSE(fuses<FuseMaxPool>(conv, pool, Mode::training));
  CHECK_FALSE(fuses<FuseMaxPool>(dense, pool));
}

TEST_CASE("ReLU joins a normalisation or an addition by a rule of its own, once", "[op_rules]") {
  constexpr op::Operation norm{.kind = op::Kind::batch_norm}, sum{.kind = op::Kind::add};
  op::Operation first = norm;
  CHECK(FuseElementwiseRelu::fuse(first, relu, Mode::training));
  CHECK(first.activation == op::Activation::relu);
  CHECK_FALSE(FuseElementwiseRelu::fuse(first, relu, Mode::training));
  CHECK(fuses<FuseElementwiseRelu>(sum, relu));
  CHECK_FALSE(fuses<FuseElementwiseRelu>(sum, softmax));
  CHECK_FALSE(fuses<FuseElementwiseRelu>(conv, relu));
  CHECK_FALSE(fuses<FuseRelu>(sum, relu));
}

TEST_CASE("A backend with other rules is that backend otherwise", "[op_rules]") {
  using Fewer = WithRules<Backend, Rules<FuseBias>>;
  STATIC_REQUIRE(std::is_same_v<Fewer::rules, Rules<FuseBias>>);
  STATIC_REQUIRE(Fewer::images == 8);
}
