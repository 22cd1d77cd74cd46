#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "device_failures.hpp"
#include "message.hpp"
#include "network.hpp"
#include "simulated_networks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Averaged = Seq<Input<10, 9, 3, Rescale<1, 255>>, Conv2D<4, 3, Relu>, MaxPool<3>, Conv2D<8, 1, NoBias>, GAP, Dense<4, Relu>, Dense<2>, Sigmoid>;
using Branched = Seq<Input<8, 8, 3, Rescale<1, 255>>, Conv2D<4, 3, Same, Relu>, Residual<Conv2D<4, 3, Same, Relu>, Conv2D<4, 3, Same>>, Relu, GAP,
                     Dense<3, Softmax>>;

template <class Net>
std::vector<float> images(int n) {
  return random_values<float>(static_cast<std::size_t>(n) * Traits<Net>::input.size(), 3, 0, 255);
}

/// The largest difference of probabilities from the reference's, of n images.
template <class Net, class Numbers>
double prediction_error(int n, int capacity) {
  const SimulatedDevice device;
  const Model<Net, Simulated<Numbers>> model(capacity, 5);
  const Model<Net, Reference<float>> reference(capacity, 5);
  std::vector<float> here(static_cast<std::size_t>(n) * Traits<Net>::output.size()), there(here.size());
  model.predict(std::span<const float>(images<Net>(n)), here);
  reference.predict(std::span<const float>(images<Net>(n)), there);
  CHECK(device.hazards == std::vector<std::string>{});
  return relative_error(here, there);
}

/// Losses of some steps on one batch, and the gradients of the first.
template <class Net, class Backend, class Loss>
std::pair<std::vector<double>, std::vector<float>> training(int capacity, int n) {
  using T = Traits<Net>;
  Model<Net, Backend> model(capacity, 5);
  Adam adam;
  adam.learning_rate = 0.01;
  Trainer<Net, Backend, Adam, Loss> trainer(model, adam);
  std::vector<float> features(static_cast<std::size_t>(n) * T::features.size());
  model.features(std::span<const float>(images<Net>(n)), std::span(features));
  std::vector<float> targets(static_cast<std::size_t>(n) * T::output.size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) targets[i * T::output.size() + i % T::output.size()] = 1;
  std::pair<std::vector<double>, std::vector<float>> result;
  for (int step = 0; step < 5; ++step) {
    result.first.push_back(trainer.step(features, std::span<const float>(targets)).loss_sum);
    if (step == 0) result.second.assign(trainer.gradients().begin(), trainer.gradients().end());
  }
  return result;
}

template <class Net, class Numbers, class Loss = CategoricalCrossentropy>
void check_training(double bound, double loss_bound) {
  const SimulatedDevice device;
  const auto here = training<Net, Simulated<Numbers>, Loss>(4, 3);
  const auto there = training<Net, Reference<float>, Loss>(4, 3);
  CHECK(relative_error(here.second, there.second) < bound);
  CHECK(relative_error(here.first, there.first) < loss_bound);
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

}  // namespace

TEST_CASE("halves and bfloat16s are the nearest to a float, ties to even", "[cuda]") {
  const auto check = [](auto kind, int exponent_bits, int fraction_bits) {
    using T = decltype(kind);
    const std::uint32_t top = 1U << static_cast<unsigned>(exponent_bits + fraction_bits);
    const auto of = [](std::uint32_t bits) { return cuda::to_float(T{static_cast<std::uint16_t>(bits)}); };
    const float inf = std::numeric_limits<float>::infinity();
    bool same = true, nearest = true;
    const std::uint32_t infinity = top - (1U << static_cast<unsigned>(fraction_bits));
    for (std::uint32_t bits = 0; bits < infinity; ++bits) {
      const float x = of(bits);
      const double next = bits + 1 == infinity ? 2.0 * x - of(bits - 1) : of(bits + 1);
      same = same && cuda::number<T>(x).bits == bits && cuda::number<T>(-x).bits == (bits | 0x8000U);
      const auto middle = static_cast<float>((x + next) / 2);
      nearest = nearest && cuda::number<T>(middle).bits == bits + (bits & 1U) &&
                cuda::number<T>(std::nextafter(middle, 0.0F)).bits == bits &&
                cuda::number<T>(std::nextafter(middle, inf)).bits == bits + 1;
    }
    CHECK(same);
    CHECK(nearest);
    CHECK(cuda::to_float(cuda::number<T>(inf)) == inf);
    CHECK(cuda::to_float(cuda::number<T>(-inf)) == -inf);
    CHECK(std::isnan(cuda::to_float(cuda::number<T>(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(std::isnan(cuda::to_float(cuda::number<T>(std::bit_cast<float>(0x7F800001U)))));
  };
  check(cuda::Float16{}, 5, 10);
  check(cuda::BFloat16{}, 8, 7);
}

TEST_CASE("graphs that differ have other texts", "[cuda]") {
  using namespace cuda;
  const Graph usual{.in = image_dims(6, 5, 8), .out = image_dims(6, 5, 16), .window = {3, 3, 1, 1, 1, 1, 1}, .bias = true};
  CHECK(describe(usual) == "f16 convolution+bias 0x6x5x8 to 6x5x16, 3x3");
  std::vector<Graph> graphs{usual};
  const auto add = [&](auto change) {
    Graph g = usual;
    change(g);
    graphs.push_back(g);
  };
  for (int op::Window::* const member : {&op::Window::height, &op::Window::width, &op::Window::stride, &op::Window::pad_top,
                                         &op::Window::pad_left, &op::Window::pad_bottom, &op::Window::pad_right}) {
    for (const int value : {2, 4}) add([&](Graph& g) { g.window.*member = value; });
  }
  for (int Dims::* const member : {&Dims::height, &Dims::width, &Dims::channels}) {
    add([&](Graph& g) { g.in.*member = 7; });
    add([&](Graph& g) { g.out.*member = 7; });
  }
  for (const Pattern pattern : {Pattern::data_gradient, Pattern::weight_gradient, Pattern::bias_gradient}) {
    add([&](Graph& g) { g.pattern = pattern; });
  }
  for (const Number number : {Number::bfloat16, Number::tf32, Number::float32}) add([&](Graph& g) { g.number = number; });
  add([](Graph& g) { g.batch = 1; });
  add([](Graph& g) { g.bias = false; });
  add([](Graph& g) { g.relu = true; });
  add([](Graph& g) { g.window = {3, 3, 2, 0, 0, 1, 1}; });
  CHECK(describe(graphs.back()) == "f16 convolution+bias 0x6x5x8 to 6x5x16, 3x3 by 2, padded 0 0 1 1");
  for (std::size_t a = 0; a < graphs.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      INFO(describe(graphs[a]));
      CHECK(describe(graphs[a]) != describe(graphs[b]));
    }
  }
}

TEST_CASE("convolutions that differ in their stride alone are another to the device too", "[cuda]") {
  const SimulatedDevice device;
  const auto check = [](auto net) {
    using Net = typename decltype(net)::type;
    const auto images = random_values<float>(Traits<Net>::input.size(), 2, 0, 255);
    Model<Net, Simulated<Float>> there(1, 3);
    Model<Net, Reference<float>> here(1, 3);
    std::vector<float> by_device(2), by_cpu(2);
    there.predict(std::span<const float>(images), by_device);
    here.predict(std::span<const float>(images), by_cpu);
    CHECK(relative_error(by_device, by_cpu) < 1e-5);
  };
  check(std::type_identity<Seq<Input<6, 6, 3>, Conv2D<4, 3, Stride<2>>, GAP, Dense<2, Softmax>>>{});
  check(std::type_identity<Seq<Input<6, 6, 3>, Conv2D<4, 3, Stride<3>>, GAP, Dense<2, Softmax>>>{});
}

TEST_CASE("a network on the device predicts as on the CPU, in every kind of number", "[cuda]") {
  CHECK(prediction_error<Chain, Float>(3, 4) < 1e-6);
  CHECK(prediction_error<Chain, Half>(5, 4) < 2e-3);
  CHECK(prediction_error<Chain, Bf16>(4, 4) < 2e-2);
  CHECK(prediction_error<Averaged, Float>(1, 2) < 1e-6);
  CHECK(prediction_error<Averaged, Half>(2, 2) < 2e-3);
  CHECK(prediction_error<Branched, Float>(3, 2) < 1e-6);
  CHECK(prediction_error<Branched, Half>(3, 2) < 2e-3);
}

TEST_CASE("training on the device has the CPU's gradients and losses", "[cuda]") {
  check_training<Chain, Float>(2e-5, 2e-5);
  check_training<Chain, Tf32>(2e-5, 2e-5);  // whose products the simulated device does not round
  check_training<Chain, Half>(5e-2, 2e-2);  // a ReLU near 0 goes the other way
  check_training<Chain, Bf16>(8e-2, 2e-2);
  check_training<Averaged, Float, BinaryCrossentropy>(2e-5, 2e-5);
  check_training<Averaged, Half, BinaryCrossentropy>(5e-2, 2e-2);
}

TEST_CASE("an observer sees plain values", "[cuda]") {
  const SimulatedDevice device;
  const Model<Branched, Simulated<Float>> model(2, 5);
  const Model<Branched, Reference<float, Simulated<Float>::rules>> reference(2, 5);
  std::vector<std::vector<float>> here, there;
  const Observer see_here = [&](const op::Operation&, int, std::span<const float> v) { here.emplace_back(v.begin(), v.end()); };
  const Observer see_there = [&](const op::Operation&, int, std::span<const float> v) { there.emplace_back(v.begin(), v.end()); };
  model.observe(std::span<const float>(images<Branched>(1)), see_here);
  reference.observe(std::span<const float>(images<Branched>(1)), see_there);
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) CHECK(relative_error(here[i], there[i]) < 1e-5);
}

TEST_CASE("in half the loss's scale falls until no gradient is lost", "[cuda]") {
  const SimulatedDevice device;
  using Net = Seq<Input<4, 4, 3>, Conv2D<8, 3, Same, Relu>, GAP, Dense<2>>;
  Head<Net, Simulated<Half>> head(initial_parameters<Net>(5), 2);
  const auto x = random_values<float>(2 * Traits<Net>::input.size(), 3, 0, 1);
  head.forward(x);
  const auto small = head.backward({1, 2, 3, 4});
  CHECK(head.context.loss_scale == 32768);
  const auto large = head.backward({4096, 8192, 12288, 16384});
  CHECK(head.context.loss_scale < 32768);
  std::vector<float> scaled;
  for (const float g : small) scaled.push_back(g * 4096);
  CHECK(relative_error(large, scaled) < 1e-2);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(head.backward({nan, nan, nan, nan}).back()));
}

TEST_CASE("training in half goes on with the loss's scale", "[cuda]") {
  const SimulatedDevice device;
  const auto x = random_values<float>(2 * Traits<Chain>::features.size(), 3, 0, 1);
  const std::array labels{0, 2};
  const std::array<float, 2> huge{30000, 30000};
  Model<Chain, Simulated<Half>> model(2, 5), later(2, 5);
  Trainer<Chain, Simulated<Half>> trainer(model), other(later);
  trainer.step(x, labels, std::span<const float>(huge));
  const std::vector<float> state(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
  CHECK(state[state.size() - 2] < 32768);
  later.set_parameters([&](std::span<float> mine) { std::ranges::copy(model.parameters(), mine.begin()); });
  other.restore(state, trainer.steps());
  for (int step = 0; step < 3; ++step) {
    trainer.step(x, labels);
    other.step(x, labels);
  }
  CHECK(std::ranges::equal(model.parameters(), later.parameters()));
  CHECK(std::ranges::equal(trainer.optimizer_state(), other.optimizer_state()));
  for (const float scale : {0.0F, 3.0F, 65536.0F, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> wrong = state;
    wrong[wrong.size() - 2] = scale;
    CHECK(has(message_of<ArgumentError>([&] { other.restore(wrong, 1); }), "scale of the loss"));
  }
}

TEST_CASE("a step allocates nothing, and few kernels run", "[cuda]") {
  SimulatedDevice device;
  Model<Chain, Simulated<Half>> model(4, 5);
  Trainer<Chain, Simulated<Half>> trainer(model);
  std::vector<float> features(4 * Traits<Chain>::features.size());
  const auto batch = images<Chain>(4);
  model.features(std::span<const float>(batch), std::span(features));
  device.may_allocate = false;
  device.launches = 0;
  model.features(std::span<const float>(batch), std::span(features));
  CHECK(device.launches == 3);  // to the device's layout, one convolution, back
  device.launches = 0;
  trainer.step(features, std::array{0, 1, 2, 0});
  // The layout; 2 convolutions and 2 pools; the head, its loss and the way back through it; 2 pools, 2 convolutions by 2 and one
  // more for the second's data; gradients of dense layers and of convolutions; 3 of the optimiser, and new working copies.
  CHECK(device.launches == 1 + 4 + 1 + 2 + 4 + 1 + 2 + 3 + 1);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("images that lie on the device are computed again without another upload", "[cuda]") {
  using Backend = Simulated<Half>;
  const SimulatedDevice device;
  const Model<Averaged, Backend> model(2, 5);
  const Backend::Program program(Lowered<Averaged, Backend, Mode::inference>::head, 2, model.parameters().data());
  Backend::Program::Context context(program, nullptr, nullptr);
  std::vector<float> expected(2 * Traits<Averaged>::output.size()), found(expected.size());
  program.forward(context, images<Averaged>(2).data(), 2, expected.data());
  CHECK(expected[0] != expected[2]);
  for (int call = 0; call < 3; ++call) {  // as it is, recorded, replayed
    program.forward(context, nullptr, 2, nullptr);
    std::ranges::fill(found, 0.0F);
    program.forward(context, nullptr, 2, found.data());
    CHECK(found == expected);
  }
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a step is recorded and replayed", "[cuda]") {
  SimulatedDevice device;
  Model<Chain, Simulated<Half>> model(4, 5);
  Trainer<Chain, Simulated<Half>> trainer(model);
  const auto x = random_values<float>(4 * Traits<Chain>::features.size(), 3, 0, 1);
  const std::array labels{0, 1, 2, 0};
  std::vector<std::size_t> replays, launches;
  for (int step = 0; step < 4; ++step) {
    device.replays = device.launches = 0;
    trainer.step(x, labels);
    replays.push_back(device.replays);
    launches.push_back(device.launches);
  }
  CHECK(replays == std::vector<std::size_t>{0, 1, 1, 1});
  CHECK(launches == std::vector<std::size_t>{19, 19, 19, 19});
  // Another scale of the loss is the same step once more.
  const std::array<float, 4> huge{30000, 30000, 30000, 30000};
  device.replays = 0;
  trainer.step(x, labels, std::span<const float>(huge));
  const float scale = trainer.optimizer_state().last(2)[0];
  CHECK(scale < 32768);
  CHECK(static_cast<float>(device.replays) == 1 + std::log2(32768 / scale));
  // Who watches sees each operation by itself.
  Profile profile;
  profile.seconds.resize(16);
  trainer.set_profile(&profile);
  trainer.step(x, labels);
  device.replays = 0;
  trainer.step(x, labels);
  CHECK(device.replays == 1);  // what is behind the forward
  CHECK(profile.images == 8);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("whatever call of the device fails, an error says so and nothing is left", "[cuda]") {
  SimulatedDevice device;
  check_every_failure(device, [&] {
    Model<Chain, Simulated<Half>> model(2, 5);
    Trainer<Chain, Simulated<Half>> trainer(model);
    std::vector<float> features(2 * Traits<Chain>::features.size());
    const auto batch = images<Chain>(2);
    model.features(std::span<const float>(batch), std::span(features));
    for (int step = 0; step < 3; ++step) trainer.step(features, std::array{0, 1});
    std::vector<float> probabilities(2 * 3);
    model.predict(std::span<const float>(batch), std::span(probabilities));
    return device.calls;
  });
}

TEST_CASE("the simulated device finds what it is for", "[cuda]") {
  SimulatedDevice device;
  SimulatedDevice::Queue first(device), second(device);
  const float numbers[64] = {};
  const auto with = [&](auto use) {
    device.hazards.clear();
    cuda::Buffer<SimulatedDevice> a(device, 256), b(device, 256);
    use(a.as<float>(), b.as<float>());
    return device.hazards.empty() ? std::string() : device.hazards[0];
  };
  const auto copy = [](const float* x, float* y) { return cuda::AddRelu<float>{64, false, x, nullptr, y}; };
  CHECK(with([&](float* a, float* b) { device.launch(first, copy(a, b)); }) == "a kernel reads what nothing has written");
  CHECK(with([&](float* a, float* b) {
          device.upload(first, a, numbers, 256);
          device.launch(second, copy(a, b));
        }) == "a kernel is not ordered behind what wrote its operand");
  CHECK(with([&](float* a, float* b) {
          device.upload(first, a, numbers, 256);
          device.wait(first);
          device.launch(second, copy(a, b));
          device.upload(first, a, numbers, 256);
        }) == "an upload overwrites what another queue may still read");
  CHECK(with([&](float* a, float* b) {
          device.upload(first, a, numbers, 256);
          device.launch(first, copy(a + 1, b));
        }) == "a kernel touches memory that is not its device's");
  CHECK(with([&](float* a, float* b) {
          device.upload(first, a, numbers, 256);
          device.wait(first);
          device.launch(second, copy(a, b));
          device.wait(second);
          device.upload(first, a, numbers, 256);
        }).empty());
  CHECK(with([&](float* a, float* b) {
          SimulatedDevice::Recording recording;
          const auto work = [&] {
            device.upload(first, a, numbers, 256);
            device.launch(first, copy(a, b));
          };
          device.replay(first, recording, work);
          device.replay(first, recording, work);
        }) == "uploading cannot be recorded");
  float* freed = nullptr;
  CHECK(with([&](float* a, float*) { freed = a; }).empty());
  device.upload(first, freed, numbers, 256);
  CHECK(device.hazards.back() == "an upload touches memory that is not its device's");
  device.may_allocate = false;
  CHECK(with([](float*, float*) {}) == "an allocation of 256 bytes within a step");
  CHECK(device.live() == 0);
}
