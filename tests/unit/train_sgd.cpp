#include <cxrnet/train/sgd.hpp>

#include "catch.hpp"

#include <array>
#include <span>
#include <vector>

using namespace cxrnet;

namespace {

static_assert(OptimizerContract<Sgd>);

void check_three_steps(const Sgd& sgd, const std::array<double, 3>& keras) {
  std::array<double, 3> p{1, -2, 0.5};
  std::array<double, 3> velocity{};
  std::uint64_t t = 0;
  for (const auto& g : {std::array{0.5, -4.0, 1e-3}, std::array{-1.0, 0.25, 0.0}, std::array{0.1, 0.1, -2.0}}) {
    sgd.step<double>({++t, sgd.learning_rate, sgd.weight_decay}, p, g, {velocity});
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(p[i] == Approx(keras[i]).epsilon(1e-13));
}

}  // namespace

// Keras 3.15.1 on JAX in float64: keras.optimizers.SGD(0.1, ...) applied to a variable of these starting values.
TEST_CASE("Steps of gradient descent are Keras's", "[train_sgd]") {
  check_three_steps({.learning_rate = 0.1}, {1.04, -1.635, 0.6999});
  check_three_steps({.learning_rate = 0.1, .momentum = 0.9}, {1.0445, -0.9735, 0.699729});
  check_three_steps({.learning_rate = 0.1, .momentum = 0.9, .nesterov = Nesterov::yes}, {1.08005, -0.71115, 0.8796561});
  check_three_steps({.learning_rate = 0.1, .momentum = 0.9, .nesterov = Nesterov::yes, .weight_decay = 0.2},
                    {1.022014, -0.62916, 0.850261244});
}

TEST_CASE("Options of gradient descent that make no sense are refused", "[train_sgd]") {
  CHECK_NOTHROW(check_optimizer(Sgd{.momentum = 0.99}));
  for (const Sgd& wrong : {Sgd{.learning_rate = -1}, Sgd{.momentum = 1}, Sgd{.momentum = -0.1}}) {
    CHECK_THROWS_AS(check_optimizer(wrong), ArgumentError);
  }
}

TEST_CASE("Without momentum Nesterov looks nowhere", "[train_sgd]") {
  check_three_steps({.learning_rate = 0.1, .nesterov = Nesterov::yes}, {1.04, -1.635, 0.6999});
}
