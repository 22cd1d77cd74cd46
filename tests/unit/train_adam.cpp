#include <cxrnet/train/adam.hpp>

#include "catch.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

using namespace cxrnet;

namespace {

using Numbers = std::array<double, 3>;
static_assert(OptimizerContract<Adam> && OptimizerContract<AdamW>);

/// Three steps on three parameters.
template <class Scalar, class Optimizer>
std::vector<Scalar> three_steps(const Optimizer& optimizer, double weight_decay) {
  std::vector<Scalar> p{1, -2, 0.5};
  std::vector<Scalar> m(3);
  std::vector<Scalar> v(3);
  std::uint64_t t = 0;
  for (const auto& g : {std::vector<Scalar>{0.5, -4, Scalar(1e-3)}, {-1, 0.25, 0}, {Scalar(0.1), Scalar(0.1), -2}}) {
    optimizer.step({++t, optimizer.learning_rate, weight_decay}, std::span(p), std::span<const Scalar>(g),
                   OptimizerState<Scalar, 2>{m, v});
  }
  return p;
}

void check_near(const std::vector<double>& mine, const Numbers& keras) {
  for (std::size_t i = 0; i < 3; ++i) CHECK(mine[i] == Approx(keras[i]).epsilon(1e-13));
}

}  // namespace

// Keras 3.15.1 on JAX in float64: keras.optimizers.Adam(0.01, ...) applied to a variable of these starting values.
TEST_CASE("Adam's steps are Keras's", "[train_adam]") {
  check_near(three_steps<double>(Adam{.learning_rate = 0.01}, 0),
             {0.9959103673813743, -1.9791274269131034, 0.4897376112999824});
  check_near(three_steps<double>(Adam{.learning_rate = 0.01}, 0.1),
             {0.9929296952300328, -1.9731596380018892, 0.48826571723501955});
  check_near(three_steps<double>(Adam{.learning_rate = 0.01, .beta_1 = 0.8, .beta_2 = 0.9, .epsilon = 1e-2}, 0),
             {0.9969907821865143, -1.9799991924192397, 0.5061449914567779});
  const AdamW adamw{.learning_rate = 0.01};
  CHECK(AdamW::name == "adamw");
  check_near(three_steps<double>(adamw, adamw.weight_decay),
             {0.9957910257192542, -1.9788884854205264, 0.48967867834014134});
}

TEST_CASE("Adam in single precision is near Adam in double", "[train_adam]") {
  const auto exact = three_steps<double>(Adam{.learning_rate = 0.01}, 0.1);
  const auto single = three_steps<float>(Adam{.learning_rate = 0.01}, 0.1);
  for (std::size_t i = 0; i < 3; ++i) CHECK(single[i] == Approx(exact[i]).epsilon(5e-7));
}

TEST_CASE("Epsilon stands outside the root", "[train_adam]") {
  std::array<double, 1> p{0};
  std::array<double, 1> m{};
  std::array<double, 1> v{};
  const auto step = [&](double rate, double gradient) {
    Adam{}.step<double>({.step = 1, .learning_rate = rate}, p, std::array{gradient}, {m, v});
  };
  step(1, 1e-7);
  // sqrt(v) = sqrt(0.001) 1e-7; inside the root, 1e-7 would dwarf it.
  CHECK(p[0] == Approx(-std::sqrt(0.001) / 0.1 * 1e-8 / (std::sqrt(0.001) * 1e-7 + 1e-7)).epsilon(1e-10));
  CHECK(m[0] == Approx(1e-8));
  p = {3};
  m = v = {};
  step(0.001, 0);
  CHECK(p[0] == 3);
}

TEST_CASE("A parameter's update is the same whatever lies beside it", "[train_adam]") {
  // Any length, and so any split into registers: 1 to 37 parameters of the same numbers.
  for (std::size_t n = 1; n < 38; ++n) {
    std::vector<float> p(n, 0.3F);
    std::vector<float> m(n, 0.01F);
    std::vector<float> v(n, 0.02F);
    Adam{}.step<float>({7, 0.01, 0.1}, p, std::vector(n, 0.25F), {m, v});
    for (std::size_t i = 0; i < n; ++i) CHECK(p[i] == Approx(p[0]).epsilon(1e-6));
    CHECK(p[0] < 0.2999F);
  }
}

TEST_CASE("Options of Adam that make no sense are refused", "[train_adam]") {
  CHECK_NOTHROW(check_optimizer(Adam{.learning_rate = 0, .beta_1 = 0, .beta_2 = 0}));
  CHECK_NOTHROW(check_optimizer(AdamW{}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Adam& wrong : {Adam{.learning_rate = -1}, Adam{.learning_rate = nan}, Adam{.weight_decay = -1}, Adam{.beta_1 = 1},
                            Adam{.beta_2 = 1}, Adam{.beta_2 = -0.1}, Adam{.epsilon = 0}, Adam{.epsilon = nan}}) {
    CHECK_THROWS_AS(check_optimizer(wrong), ArgumentError);
  }
}

TEST_CASE("Weight decay acts on kernels alone where that is wished", "[train_adam]") {
  const AdamW all;
  const AdamW some{.decays = Decays::kernels};
  for (const Parameter& kernel : {dense_kernel(3, 4), convolution_kernel(3, 3, 4, 4)}) {
    CHECK(weight_decay_of(all, kernel) == 0.004);
    CHECK(weight_decay_of(some, kernel) == 0.004);
  }
  CHECK(weight_decay_of(all, bias_vector(4)) == 0.004);
  CHECK(weight_decay_of(some, bias_vector(4)) == 0);
  CHECK(weight_decay_of(Adam{}, dense_kernel(3, 4)) == 0);
}
