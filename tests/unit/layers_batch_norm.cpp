#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "network.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<1, 2, 2>, BatchNorm<0.9, 0.25>>;
using T = Traits<Net>;
using F = Traits<Seq<Input<1, 2, 2>, Freeze<BatchNorm<>>>>;

static_assert(T::parameter_count == 8 && T::trainable_count == 4 && T::gradient_count == 8);
static_assert(T::layers[1].stateful && T::cut == 1);
static_assert(F::trainable_count == 0 && F::gradient_count == 0 && !F::layers[1].stateful && F::cut == 2);

}  // namespace

TEST_CASE("Prediction normalises with the moving averages", "[layers_batch_norm]") {
  // gamma, beta, mean, variance of two channels
  Model<Net, Reference<float>> model({2, 1, 10, 0, 3, -1, 0, 3.75F}, 1);
  const std::vector<float> x{3, 1, 4, -1};
  std::vector<float> y(4);
  model.predict(std::span<const float>(x), std::span(y));
  CHECK(y == std::vector<float>{10, 1, 14, 0});
}

TEST_CASE("Training normalises with the batch's mean and variance and reports both", "[layers_batch_norm]") {
  Head<Net, Reference<double>> head({1, 1, 0, 0, 100, 100, 100, 100}, 2);
  // channel 0: 1 2 3 4, mean 2.5, variance 1.25; channel 1: constant
  const auto y = head.forward({1, 7, 2, 7, 3, 7, 4, 7});
  const double scale = 1 / std::sqrt(1.5);
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[2 * i] == Approx((static_cast<double>(i) - 1.5) * scale));
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[2 * i + 1] == Approx(0).margin(1e-12));
  const auto gradients = head.backward(std::vector<double>(8, 1));
  CHECK(gradients[2] == Approx(4));  // beta's: the sum
  CHECK(std::vector<double>(gradients.begin() + 4, gradients.end()) == std::vector<double>{2.5, 7, 1.25, 0});
}
