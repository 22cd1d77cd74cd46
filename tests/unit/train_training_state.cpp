#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/training_state.hpp>

#include "data_fixtures.hpp"

#include <numeric>

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("What training changes is taken out and put back in layer order", "[train_training_state]") {
  using Net = Seq<Input<6, 6, 3, Rescale<1, 255>>, Freeze<Conv2D<2, 3>>, BatchNorm<>, GAP, Dense<2, Softmax>>;
  const Description& network = description_of<Net>;
  // 2 convolution kernels of 27 and 2 biases stay; gamma, beta, moving mean and variance of 2, and 2 x 2 + 2 change.
  REQUIRE(network.parameter_count == 56 + 8 + 6);
  CHECK(changing_count(network) == 14);
  std::vector<float> all(network.parameter_count);
  std::iota(all.begin(), all.end(), 0.0F);
  const std::vector<float> changing = changing_parameters(network, all);
  std::vector<float> expected(14);
  std::iota(expected.begin(), expected.end(), 56.0F);
  CHECK(changing == expected);
  std::vector<float> other(network.parameter_count, -1.0F);
  put_changing_parameters(network, changing, other);
  for (std::size_t i = 0; i < other.size(); ++i) CHECK(other[i] == (i < 56 ? -1.0F : static_cast<float>(i)));
  CHECK_THROWS_AS(changing_parameters(network, changing), ArgumentError);
  CHECK_THROWS_AS(put_changing_parameters(network, all, other), ArgumentError);
  CHECK_THROWS_AS(put_changing_parameters(network, changing, std::span(other).first(60)), ArgumentError);
}
