#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <array>
#include <cmath>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<1, 2, 2>, BatchNorm<0.9, 0.25>>;
using T = Traits<Net>;
using F = Traits<Seq<Input<1, 2, 2>, Freeze<BatchNorm<>>>>;

static_assert(T::parameter_count == 8 && T::trainable_count == 4 && T::gradient_count == 8);
static_assert(T::layers[1].stateful && T::cut == 1);
static_assert(F::trainable_count == 0 && F::gradient_count == 0 && !F::layers[1].stateful && F::cut == 2);

/// Outputs, gradients and batch statistics on oneDNN against those of Reference<double>.
template <class Network>
void check_onednn() {
  using N = Traits<Network>;
  auto parameters = random_values<float>(N::parameter_count, 1, 0.5, 1.5);  // a variance is positive
  const auto features = random_values<float>(5 * N::features.size(), 2);
  const auto seed = random_values<float>(5 * N::output.size(), 3);
  Head<Network, OneDnn> mine(parameters, 5);
  Head<Network, Reference<double>> truth(as<double>(parameters), 5);
  CHECK(relative_error(mine.forward(features), truth.forward(as<double>(features))) < 1e-4);
  CHECK(relative_error(mine.backward(seed), truth.backward(as<double>(seed))) < 1e-4);
}

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

TEST_CASE("A training step moves the averages by 1 - momentum towards the batch's statistics", "[layers_batch_norm]") {
  using Trained = Seq<Input<1, 1, 1>, Flatten, BatchNorm<0.75>, Dense<2, Softmax>>;
  // gamma, beta, mean, variance, the dense layer's kernel and bias
  Model<Trained, Reference<double>> model({1, 0, 4, 8, 1, -1, 0, 0}, 2);
  Trainer<Trained, Reference<double>> trainer(model);
  trainer.step(std::vector<float>{1, 3}, std::array{0, 1});
  CHECK(model.parameter(2)[0] == Approx(0.75 * 4 + 0.25 * 2));
  CHECK(model.parameter(3)[0] == Approx(0.75 * 8 + 0.25 * 1));
}

TEST_CASE("A frozen normalisation takes the moving averages while others train, and keeps them", "[layers_batch_norm]") {
  using Partly = Seq<Input<1, 1, 1>, Flatten, Dense<1>, Freeze<BatchNorm<0.75>>, Dense<2, Softmax>>;
  using P = Traits<Partly>;
  CHECK(P::gradient_count == 2 + 4);
  Model<Partly, Reference<double>> model({1, 0, 1, 0, 4, 8, 1, -1, 0, 0}, 2);
  Trainer<Partly, Reference<double>> trainer(model);
  const std::vector<float> x{1, 3};
  std::vector<float> before(4);
  model.predict_features(x, before);
  const double loss = trainer.step(x, std::array{0, 1}).loss_sum;
  CHECK(loss == Approx(-std::log(before[0]) - std::log(before[3])));  // as in prediction
  CHECK(model.parameter(4)[0] == 4);
  CHECK(model.parameter(5)[0] == 8);
}

TEST_CASE("BatchNorm has the gradients of central differences, in training and frozen, on maps and vectors",
          "[layers_batch_norm]") {
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Probe, BatchNorm<>>>() < 1e-6);
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Probe, Freeze<BatchNorm<>>>>() < 1e-6);
  CHECK(gradient_error<Seq<Input<3, 2, 2>, Flatten, Probe, BatchNorm<0.9, 0.01>, Dense<3>>>(4) < 1e-6);
}

TEST_CASE("BatchNorm on oneDNN is the reference's, in training and frozen, on maps and vectors", "[layers_batch_norm]") {
  check_onednn<Seq<Input<4, 3, 3>, Probe, BatchNorm<>>>();
  check_onednn<Seq<Input<4, 3, 20>, Probe, BatchNorm<>, Relu, Conv2D<17, 3, Same, NoBias>, BatchNorm<>, Relu>>();
  check_onednn<Seq<Input<4, 3, 3>, Probe, Freeze<BatchNorm<>>>>();
  check_onednn<Seq<Input<4, 3, 2>, Flatten, Dense<9>, BatchNorm<>, Dense<3>>>();
}
