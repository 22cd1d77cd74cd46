#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <numeric>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Fused = Reference<double, Rules<FuseBias, FuseRelu, FuseMaxPool>>;

/// What a network gives for one image of doubles.
template <class Net, class Backend = Reference<double>>
std::vector<double> run(std::vector<double> parameters, const std::vector<double>& image) {
  using L = Lowered<Net, Backend, Mode::inference>;
  const auto pass = [&](const ProgramSpec& spec, const std::vector<double>& input) {
    const AlignedBytes arena(spec.bytes);
    typename Backend::Program program(spec, 1, parameters.data());
    const AlignedBytes workspace(program.workspace_bytes());
    typename Backend::Program::Context context(program, arena.data(), workspace.data());
    std::vector<double> output(spec.output_dims.size());
    program.forward(context, input.data(), 1, output.data());
    return output;
  };
  return pass(L::head, pass(L::backbone, image));
}

std::vector<double> counting(std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

}  // namespace

TEST_CASE("A convolution slides its kernel without turning it", "[backend_reference]") {
  // x = 1..9 in 3 x 3, kernel rows (1 2) (3 4), bias 10: 1*1 + 2*2 + 4*3 + 5*4 = 37.
  using Net = Seq<Input<3, 3, 1>, Conv2D<1, 2>>;
  CHECK(run<Net>({1, 2, 3, 4, 10}, counting(9)) == std::vector<double>{47, 57, 77, 87});
}

TEST_CASE("A kernel is height, width, in, out", "[backend_reference]") {
  // One pixel (3, 5), outputs 3 a + 5 b with kernel in x out = (1 2 4) (8 16 32).
  using Net = Seq<Input<1, 1, 2>, Conv2D<3, 1>>;
  CHECK(run<Net>({1, 2, 4, 8, 16, 32, 0, 0, 100}, {3, 5}) == std::vector<double>{43, 86, 272});
  // Height before width: a kernel of (0 1) (0 0) takes the right neighbour, not the lower one.
  using Wide = Seq<Input<2, 2, 1>, Conv2D<1, 2>>;
  CHECK(run<Wide>({0, 1, 0, 0, 0}, {1, 2, 3, 4}) == std::vector<double>{2});
}

TEST_CASE("Same padding with a stride puts the odd zero below and right, as TensorFlow does", "[backend_reference]") {
  // 4 x 4, window 3, stride 2: one row of zeros below, none above. tf.nn.conv2d(ones, ones, 2, 'SAME'): 9 6 6 4.
  using Even = Seq<Input<4, 4, 1>, Conv2D<1, 3, Same, Stride<2>>>;
  std::vector<double> ones(10, 1.0);
  ones.back() = 0;
  CHECK(run<Even>(ones, std::vector<double>(16, 1.0)) == std::vector<double>{9, 6, 6, 4});
  // 5 x 5: a row on each side, 3 x 3 outputs.
  using Odd = Seq<Input<5, 5, 1>, Conv2D<1, 3, Same, Stride<2>>>;
  CHECK(run<Odd>(ones, std::vector<double>(25, 1.0)) == std::vector<double>{4, 6, 4, 6, 9, 6, 4, 6, 4});
  // A stride larger than the window skips what lies between.
  using Sparse = Seq<Input<5, 5, 1>, Conv2D<1, 1, Stride<3>, Same>>;
  CHECK(run<Sparse>({1, 0}, counting(25)) == std::vector<double>{1, 4, 16, 19});
}

TEST_CASE("Pooling, activations and dense layers against hand-computed values", "[backend_reference]") {
  CHECK(run<Seq<Input<3, 5, 1>, MaxPool<2>>>({}, counting(15)) == std::vector<double>{7, 9});
  CHECK(run<Seq<Input<3, 3, 1>, MaxPool<2, 1>>>({}, {9, 1, 1, 1, 2, 3, 1, 1, -8}) == std::vector<double>{9, 3, 2, 3});
  CHECK(run<Seq<Input<1, 1, 2>, MaxPool<1>>>({}, {-3, -4}) == std::vector<double>{-3, -4});
  CHECK(run<Seq<Input<2, 2, 2>, GAP>>({}, {1, 10, 2, 20, 3, 30, 6, 60}) == std::vector<double>{3, 30});
  CHECK(run<Seq<Input<2, 1, 2>, Flatten>>({}, {1, 2, 3, 4}) == std::vector<double>{1, 2, 3, 4});
  CHECK(run<Seq<Input<1, 1, 3>, Relu>>({}, {-1, 0, 2}) == std::vector<double>{0, 0, 2});
  CHECK(run<Seq<Input<1, 1, 2>, Flatten, Dense<3>>>({1, 2, 3, 10, 20, 30, 0.5, 0, -1}, {2, 4}) ==
        std::vector<double>{42.5, 84, 125});
  // Logits far outside exp's range.
  const auto p = run<Seq<Input<1, 1, 3>, Flatten, Softmax>>({}, {1000, 1000, -1000});
  CHECK(p == std::vector<double>{0.5, 0.5, 0});
  const auto q = run<Seq<Input<1, 1, 2>, Flatten, Softmax>>({}, {0, std::log(3.0)});
  CHECK(q[1] == Approx(0.75).epsilon(1e-15));
}

TEST_CASE("Residual adds what went in to what the branch gives", "[backend_reference]") {
  using Net = Seq<Input<1, 1, 2>, Flatten, Residual<Dense<2, Relu>>>;
  CHECK(run<Net>({1, 0, 0, -1, 0, 0}, {3, 5}) == std::vector<double>{6, 5});
  using Nested = Seq<Input<1, 1, 1>, Flatten, Residual<Relu, Residual<Relu>>>;
  CHECK(run<Nested>({}, {2}) == std::vector<double>{6});
  CHECK(run<Seq<Input<1, 1, 1>, Flatten, Residual<>>>({}, {2}) == std::vector<double>{4});
}

TEST_CASE("Fused operations give what the plain ones give", "[backend_reference]") {
  using Net = Seq<Input<7, 9, 3>, Conv2D<5, 3, Same, Relu>, MaxPool<2>, Conv2D<4, 2, Stride<2>>, MaxPool<1>, Flatten,
                  Dense<6, Relu>, Dense<3, Softmax>>;
  const auto parameters = random_values<double>(Traits<Net>::parameter_count, 3);
  const auto image = random_values<double>(Traits<Net>::input.size(), 4);
  CHECK(relative_error(run<Net, Fused>(parameters, image), run<Net>(parameters, image)) == 0);
}

TEST_CASE("Gradients of every layer meet central differences", "[backend_reference]") {
  constexpr double bound = 2e-8;
  CHECK(gradient_error<Seq<Input<4, 5, 2>, Probe, Conv2D<3, 3, Same>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 5, 2>, Probe, Conv2D<3, 2, Relu>>>() < bound);
  CHECK(gradient_error<Seq<Input<6, 5, 2>, Probe, Conv2D<3, 3, Same, Stride<2>>>>() < bound);
  CHECK(gradient_error<Seq<Input<7, 5, 2>, Probe, Conv2D<2, 3, Stride<2>, Valid, Relu>>>() < bound);
  CHECK(gradient_error<Seq<Input<5, 7, 2>, Probe, MaxPool<2>>>() < bound);
  CHECK(gradient_error<Seq<Input<5, 5, 2>, Probe, MaxPool<3, 1>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 3>, Probe, GAP>>() < bound);
  CHECK(gradient_error<Seq<Input<2, 3, 2>, Probe, Flatten, Dense<4>>>() < bound);
  CHECK(gradient_error<Seq<Input<2, 3, 2>, Probe, Flatten, Dense<4, Relu>>>() < bound);
  CHECK(gradient_error<Seq<Input<2, 3, 2>, Probe, Relu>>() < bound);
  CHECK(gradient_error<Seq<Input<1, 1, 5>, Flatten, Probe, Softmax>>() < bound);
  CHECK(gradient_error<Seq<Input<1, 1, 5>, Flatten, Probe, Softmax, Dense<3>, Softmax>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Dropout<0.5>, Conv2D<2, 1>>>() < bound);
  CHECK(gradient_error<Seq<Input<3, 4, 3>, Probe, BatchNorm<>>>() < bound);
  CHECK(gradient_error<Seq<Input<3, 4, 3>, Probe, Freeze<BatchNorm<>>, Relu>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Conv2D<3, 3>, BatchNorm<0.9, 1e-5>, Relu, GAP, Dense<2, Sigmoid>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Dropout<0>>>() < bound);
}

TEST_CASE("Gradients of branching networks meet central differences", "[backend_reference]") {
  constexpr double bound = 2e-8;
  CHECK(gradient_error<Seq<Input<4, 4, 3>, Probe, Residual<Conv2D<3, 3, Same, Relu>>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Residual<>>>() < bound);
  CHECK(gradient_error<Seq<Input<6, 4, 2>, Probe, Residual<Shortcut<Conv2D<3, 1, Same, Stride<2>>>,
                                                             Conv2D<3, 3, Same, Stride<2>, Relu>>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Residual<Relu, Residual<Conv2D<2, 3, Same>>, Conv2D<2, 1, Relu>>,
                           GAP, Dense<3>>>() < bound);
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Residual<Residual<Residual<>>>, Residual<Dropout<0.25>>>>() < bound);
  // The fork's gradient has three readers: the branch, the addition, and a block that starts there.
  CHECK(gradient_error<Seq<Input<3, 3, 2>, Probe, Residual<Residual<Conv2D<2, 1>>, Relu>, Flatten, Dense<2, Softmax>>>() <
        bound);
  // A frozen layer passes the gradient on and has none itself.
  CHECK(gradient_error<Seq<Input<4, 4, 2>, Probe, Freeze<Conv2D<3, 3, Relu>>, GAP, Dense<2>, Freeze<Dense<2>>>>() < bound);
}

TEST_CASE("Fused training has the same gradients", "[backend_reference]") {
  using Net = Seq<Input<6, 6, 2>, Probe, Conv2D<3, 3, Same, Relu>, MaxPool<2>, Residual<Conv2D<3, 3, Same, Relu>>, GAP,
                  Dense<4, Relu>, Dropout<0.5>, Dense<2, Softmax>>;
  CHECK(gradient_error<Net, Fused>() < 2e-8);
  CHECK(gradient_error<Net, Fused>(1) < 2e-8);
}

TEST_CASE("A gradient is written, not added to what was there, whatever the batch before", "[backend_reference]") {
  using Net = Seq<Input<3, 3, 2>, Conv2D<2, 2, Relu>, GAP, Dense<2>>;
  Head<Net, Reference<double>> head(random_values<double>(Traits<Net>::parameter_count, 1), 4);
  const auto two = random_values<double>(2 * Traits<Net>::features.size(), 2);
  head.forward(two);
  const auto first = head.backward({1, 2, 3, 4});
  head.forward(random_values<double>(4 * Traits<Net>::features.size(), 3));
  head.backward(std::vector<double>(8, 1));
  head.forward(two);
  CHECK(head.backward({1, 2, 3, 4}) == first);
}

TEST_CASE("The gradient of a pool goes to the first of equal elements", "[backend_reference]") {
  using Net = Seq<Input<2, 2, 1>, Probe, MaxPool<2>>;
  Head<Net, Reference<double>> head(std::vector<double>(4, 1.0), 1);
  head.forward({5, 5, 5, 5});
  CHECK(head.backward({3}) == std::vector<double>{3, 0, 0, 0});
}

TEST_CASE("The gradient of the logits skips the last softmax alone", "[backend_reference]") {
  using Net = Seq<Input<1, 1, 2>, Flatten, Probe, Softmax>;
  Head<Net, Reference<double>> head({0, 0}, 1);
  head.context.seed = Seed::logits;
  head.forward({1, 2});
  CHECK(head.backward({0.25, -0.5}) == std::vector<double>{0.25, -0.5});
}

TEST_CASE("Dropout keeps the share it says, scaled, by key alone", "[backend_reference]") {
  const std::vector<double> ones(100'000, 1.0);
  std::vector<double> y(ones.size());
  std::vector<double> again(ones.size());
  reference::dropout(1, 2, 3, 0.3, ones.size(), ones.data(), y.data());
  const auto kept = std::count_if(y.begin(), y.end(), [](double v) { return v == 1 / 0.7; });
  CHECK(std::count(y.begin(), y.end(), 0.0) + kept == 100'000);
  CHECK(std::abs(static_cast<double>(kept) - 70'000) < 4 * std::sqrt(100'000 * 0.21));
  reference::dropout(1, 2, 3, 0.3, ones.size(), ones.data(), again.data());
  CHECK(again == y);
  for (const auto& [seed, step, layer] : {std::array{2, 2, 3}, std::array{1, 3, 3}, std::array{1, 2, 4}}) {
    reference::dropout(static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(step), layer, 0.3, ones.size(),
                       ones.data(), again.data());
    CHECK(again != y);
  }
  reference::dropout(1, 2, 3, 0.0, ones.size(), ones.data(), again.data());
  CHECK(again == ones);
}
