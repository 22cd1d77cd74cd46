#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/train/adam.hpp>
#include <cxrnet/train/sgd.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "device_failures.hpp"
#include "message.hpp"
#include "network.hpp"
#include "simulated_networks.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using HeadAlone = Seq<Input<6, 5, 3, Rescale<1, 255>>, Freeze<Conv2D<8, 3, Relu>>, GAP, Dense<5, Relu>, Dense<3, Softmax>>;

/// Says that a backend may update by a rule that keeps what this one does not.
struct Plain : Sgd {
  static constexpr std::size_t state_per_parameter = 0;
  template <class Scalar>
  void step(const UpdateRates&, std::span<Scalar>, std::span<const Scalar>, const OptimizerState<Scalar, 0>&) const {}
};

const std::array labels{0, 2, 1};
template <class Net>
std::vector<float> features() {
  return random_values<float>(labels.size() * Traits<Net>::features.size(), 3, 0, 1);
}

struct Trained {
  std::vector<float> parameters, state, gradients;
  std::vector<double> losses;
};

/// Some steps of a trainer of batches of 4, 3 given, on a model of its own.
template <class Net, class Backend, class Optimizer, class Loss = CategoricalCrossentropy>
Trained train(const Optimizer& optimizer, const Clip& clip = {}, std::span<const float> weights = {}, double head_rate = 1) {
  Model<Net, Backend> model(4, 5);
  Trainer<Net, Backend, Optimizer, Loss> trainer(model, optimizer, 0, {}, clip);
  if (head_rate != 1) trainer.set_group_rate("head", head_rate);
  Trained result;
  for (int step = 0; step < 4; ++step) result.losses.push_back(trainer.step(features<Net>(), labels, weights).loss_sum);
  const auto copy = [](std::span<const float> numbers) { return std::vector<float>(numbers.begin(), numbers.end()); };
  result.gradients = copy(trainer.gradients());
  const std::size_t carried = Trainer<Net, Backend, Optimizer, Loss>::optimizer_bytes / sizeof(float);
  result.state = copy(trainer.optimizer_state().first(carried));
  result.parameters = copy(model.parameters());
  return result;
}

template <class Net, class Optimizer>
void check_training(const Optimizer& optimizer, const Clip& clip = {}, std::span<const float> weights = {}, double head_rate = 1) {
  const SimulatedDevice device;
  static_assert(Trainer<Net, Simulated<Float>, Optimizer>::steps_on_device);
  const Trained here = train<Net, Simulated<Float>>(optimizer, clip, weights, head_rate);
  const Trained there = train<Net, Reference<float>>(optimizer, clip, weights, head_rate);
  CHECK(relative_error(here.losses, there.losses) < 2e-5);
  CHECK(relative_error(here.gradients, there.gradients) < 1e-4);
  CHECK(relative_error(here.state, there.state) < 1e-4);
  CHECK(relative_error(here.parameters, there.parameters) < 1e-4);
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

}  // namespace

TEST_CASE("every optimiser, clipping, weight and rate of the device is the host's", "[cuda]") {
  const Adam adam{.learning_rate = 0.01};
  const std::array<float, 3> weights{0.5F, 0, 3};
  check_training<Chain>(adam);
  check_training<Chain>(adam, {}, weights);
  check_training<Chain>(adam, {}, {}, 0);
  check_training<HeadAlone>(AdamW{.learning_rate = 0.02, .weight_decay = 0.3, .decays = Decays::kernels});
  check_training<HeadAlone>(Sgd{.learning_rate = 0.1});
  check_training<Chain>(Sgd{.learning_rate = 0.05, .momentum = 0.9, .nesterov = Nesterov::yes, .weight_decay = 0.1});
  check_training<Chain>(adam, {ClipBy::value, 1e-2});
  check_training<Chain>(Sgd{.learning_rate = 0.5}, {ClipBy::norm, 1e-2});
  check_training<Chain>(Sgd{.learning_rate = 0.5}, {ClipBy::global_norm, 1e-2});
}

TEST_CASE("a loss that only the host knows trains on the device as well", "[cuda]") {
  const SimulatedDevice device;
  static_assert(!Trainer<Chain, Simulated<Float>, Adam, HostLoss>::steps_on_device);
  const Trained here = train<Chain, Simulated<Float>, Adam, HostLoss>(Adam{.learning_rate = 0.01});
  const Trained there = train<Chain, Simulated<Float>>(Adam{.learning_rate = 0.01});
  CHECK(relative_error(here.losses, there.losses) < 1e-6);
  CHECK(relative_error(here.parameters, there.parameters) < 1e-5);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("in half a step that lost gradients to infinity is made again, with the same gradients", "[cuda]") {
  const SimulatedDevice device;
  const auto check = [&]<class Loss>(Loss) {
    for (const float weight : {1.0F, 100.0F, 1e4F, 1e5F}) {
      const std::vector<float> weights(labels.size(), weight);
      Model<Chain, Simulated<Half>> model(4, 5);
      Model<Chain, Reference<float>> reference(4, 5);
      Trainer<Chain, Simulated<Half>, Adam, Loss> here(model);
      Trainer<Chain, Reference<float>> there(reference);
      here.step(features<Chain>(), labels, weights);
      there.step(features<Chain>(), labels, weights);
      INFO("weight " << weight);
      CHECK(relative_error(here.gradients(), there.gradients()) < 2e-2);
      CHECK((here.optimizer_state().last(2)[0] < 32768) == (weight > 1));
    }
  };
  check(CategoricalCrossentropy{});
  check(HostLoss{});
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a step on the device that is not finite changes nothing", "[cuda]") {
  const SimulatedDevice device;
  Model<Chain, Simulated<Half>> model(4, 5);
  Trainer<Chain, Simulated<Half>> trainer(model);
  trainer.step(features<Chain>(), labels);
  const std::vector<float> before(model.parameters().begin(), model.parameters().end());
  const std::vector<float> state(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  auto broken = features<Chain>();
  broken[3] = nan;
  CHECK(std::isnan(trainer.step(broken, labels).loss_sum));
  CHECK(std::isnan(trainer.step(features<Chain>(), labels, std::array{1.0F, nan, 1.0F}).loss_sum));
  CHECK(std::isnan(trainer.step(features<Chain>(), labels, std::array{1.0F, inf, 1.0F}).loss_sum));
  CHECK(trainer.steps() == 1);
  CHECK(std::ranges::equal(model.parameters(), before));
  CHECK(std::ranges::equal(trainer.optimizer_state().first(state.size() - 2), std::span(state).first(state.size() - 2)));
  CHECK(std::isfinite(trainer.step(features<Chain>(), labels).loss_sum));
}

TEST_CASE("a loss's gradient of more numbers than a block has lanes is looked at whole", "[cuda]") {
  using Wide = Seq<Input<1, 1, 4>, Flatten, Dense<150, Sigmoid>>;
  const SimulatedDevice device;
  Model<Wide, Simulated<Half>> model(4, 5);
  Trainer<Wide, Simulated<Half>, Adam, BinaryCrossentropy> trainer(model);
  const auto x = random_values<float>(4 * 4, 3, 0, 1);
  trainer.step(x, std::vector<float>(4 * 150, 1.0F));
  const float scale = trainer.optimizer_state().last(2)[0];
  for (const std::size_t broken : {0U, 255U, 256U, 599U}) {
    std::vector<float> targets(4 * 150, 1.0F);
    targets[broken] = std::numeric_limits<float>::infinity();
    INFO(broken);
    CHECK_FALSE(std::isfinite(trainer.step(x, targets).loss_sum));
    CHECK(trainer.optimizer_state().last(2)[0] == scale);  // or else gradients were taken for lost
  }
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("parameters that the device trained are there whenever somebody needs them", "[cuda]") {
  const SimulatedDevice device;
  const auto x = features<Chain>();
  Model<Chain, Simulated<Float>> model(4, 5);
  const std::vector<float> start(model.parameters().begin(), model.parameters().end());
  std::vector<float> probabilities(9), first(9), trained;
  model.predict_features(x, first);
  {
    Trainer<Chain, Simulated<Float>> trainer(model, Adam{.learning_rate = 0.01});
    trainer.step(x, labels);
    model.predict_features(x, probabilities);  // of the new parameters
    CHECK(probabilities != first);
    trained.assign(model.parameters().begin(), model.parameters().end());
    CHECK(trained != start);
    const std::vector<float> moments(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
    const double after_one = trainer.gradients_of(x, std::span<const int>(labels)).loss_sum;
    CHECK(std::ranges::equal(model.parameters(), trained));  // gradients alone
    trainer.step(x, labels);
    // Back to where one step had led: the same step again.
    const std::vector<float> two(model.parameters().begin(), model.parameters().end());
    model.set_parameters([&](std::span<float> mine) { std::ranges::copy(trained, mine.begin()); });
    trainer.restore(moments, 1);
    CHECK(trainer.step(x, labels).loss_sum == after_one);
    CHECK(std::ranges::equal(model.parameters(), two));
    // Another trainer of the same model goes on from there.
    Trainer<Chain, Simulated<Float>> other(model);
    trainer.step(x, labels);
    const double now = trainer.gradients_of(x, std::span<const int>(labels)).loss_sum;
    CHECK(other.step(x, labels).loss_sum == now);
    trainer.step(x, labels);
  }
  const std::vector<float> last(model.parameters().begin(), model.parameters().end());
  model.predict_features(x, first);
  CHECK(first != probabilities);
  CHECK(last != trained);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("what a lost device took with it is said", "[cuda]") {
  SimulatedDevice device;
  Model<Chain, Simulated<Float>> model(4, 5);
  {
    Trainer<Chain, Simulated<Float>> trainer(model);
    trainer.step(features<Chain>(), labels);
    device.fail_at = device.calls + 1;
  }
  device.fail_at = 0;
  CHECK(has(message_of<BackendError>([&] { static_cast<void>(model.parameters()); }), "could not be fetched: The simulated device failed"));
}

TEST_CASE("a batch is staged while a step runs", "[cuda]") {
  SimulatedDevice device;
  using Net = Seq<Input<12, 10, 3, ImageNetTorch>, Freeze<Conv2D<8, 3, Same, Relu>>, Conv2D<6, 3, Relu>, GAP, Dense<2, Softmax>>;
  using Training = Trainer<Net, Simulated<Half>>;
  static_assert(Training::stages && !Trainer<Net, Reference<float>>::stages && !Trainer<Net, Simulated<Half>, Adam, HostLoss>::stages);
  constexpr std::size_t n = 3, pixels = 12 * 10 * 3, steps = 5;
  std::vector<std::vector<std::uint8_t>> images(steps);
  for (std::size_t i = 0; i < steps; ++i) {
    for (std::size_t k = 0; k < n * pixels; ++k) images[i].push_back(static_cast<std::uint8_t>(k * (i + 3) % 251));
  }
  const std::vector<Affine> maps{{}, {0.9, 0.1, 2, 0, 1.1, -1}, {-1, 0, 9, 0, 1, 0}};
  const std::vector<float> targets{1, 0, 0, 1, 1, 0};
  // As one reads it: features to the host, and a step on them.
  std::vector<double> expected, losses;
  std::vector<float> parameters;
  {
    Model<Net, Simulated<Half>> model(3, 5);
    Training trainer(model);
    std::vector<float> values(n * Traits<Net>::features.size());
    for (const auto& batch : images) {
      model.features_of_decoded(std::span<const std::uint8_t>(batch), std::span<const Affine>(maps), std::span(values));
      expected.push_back(trainer.step(values, std::span<const float>(targets)).loss_sum);
    }
    parameters.assign(model.parameters().begin(), model.parameters().end());
  }
  Model<Net, Simulated<Half>> model(3, 5);
  Training trainer(model);
  auto buffer = images[0];  // which changes as soon as it may
  trainer.stage(std::span<const std::uint8_t>(buffer), std::span<const Affine>(maps));
  for (std::size_t i = 0; i < steps; ++i) {
    device.may_allocate = i < 2;
    trainer.begin_step(targets);
    if (i + 1 < steps) {
      buffer = images[i + 1];
      trainer.stage(std::span<const std::uint8_t>(buffer), std::span<const Affine>(maps));
      std::ranges::fill(buffer, std::uint8_t{77});
    }
    losses.push_back(trainer.end_step().loss_sum);
  }
  CHECK(losses == expected);
  CHECK(std::ranges::equal(model.parameters(), parameters));
  CHECK(has(message_of<ArgumentError>([&] { trainer.begin_step(targets); }), "training batch"));
  CHECK(has(message_of<ArgumentError>([&] { trainer.end_step(); }), "No training step"));
  // Twice while a step runs: the first is forgotten. Until it has ended, nothing else is done.
  const auto stage = [&](std::size_t i) { trainer.stage(std::span<const std::uint8_t>(images[i]), std::span<const Affine>(maps)); };
  stage(0);
  trainer.begin_step(targets);
  stage(1);
  stage(2);
  const char* const busy = "under way";
  CHECK(has(message_of<ArgumentError>([&] { trainer.begin_step(targets); }), busy));
  CHECK(has(message_of<ArgumentError>([&] { trainer.step(std::vector<float>(Traits<Net>::features.size()), std::array{1}); }), busy));
  CHECK(has(message_of<ArgumentError>([&] { static_cast<void>(trainer.optimizer_state()); }), busy));
  CHECK(has(message_of<ArgumentError>([&] { static_cast<void>(trainer.gradients()); }), busy));
  CHECK(has(message_of<ArgumentError>([&] { trainer.restore({}, 1); }), busy));
  CHECK(std::isfinite(trainer.end_step().loss_sum));
  trainer.begin_step(targets);
  CHECK(std::isfinite(trainer.end_step().loss_sum));
  device.may_allocate = true;
  const std::size_t live = device.live();
  stage(0);
  trainer.stage(std::span<const std::uint8_t>(), std::span<const Affine>());  // forgotten: the model's memory is free for others
  std::vector<float> probabilities(2 * n);
  model.predict(std::span<const std::uint8_t>(images[0]), probabilities);
  CHECK(device.live() == live);
  const std::vector<std::uint8_t> many(4 * pixels);
  CHECK(has(message_of<ArgumentError>([&] { trainer.stage(std::span<const std::uint8_t>(many), std::span<const Affine>(std::vector<Affine>(4))); }),
            "1 to 3 images"));
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a step that failed leaves no trainer that goes on as if nothing were", "[cuda]") {
  SimulatedDevice device;
  Model<Chain, Simulated<Float>> model(4, 5);
  Trainer<Chain, Simulated<Float>> trainer(model);
  const auto x = features<Chain>();
  const auto fails = [&](auto action) {
    device.fail_at = device.calls + 1;
    const std::string said = message_of<BackendError>(action);
    device.fail_at = 0;
    return has(said, "The simulated device failed");
  };
  trainer.step(x, labels);
  CHECK(fails([&] { static_cast<void>(trainer.optimizer_state()); }));
  CHECK(fails([&] { static_cast<void>(trainer.gradients()); }));
  CHECK(fails([&] { static_cast<void>(model.parameters()); }));
  const std::vector<float> state(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
  const std::vector<float> parameters(model.parameters().begin(), model.parameters().end());
  CHECK(std::ranges::any_of(state, [](float v) { return v != 0; }));
  const double expected = trainer.step(x, labels).loss_sum;
  CHECK(fails([&] { trainer.step(x, labels); }));
  CHECK(has(message_of<BackendError>([&] { trainer.step(x, labels); }), "go on from a checkpoint"));
  CHECK(has(message_of<BackendError>([&] { static_cast<void>(trainer.optimizer_state()); }), "go on from a checkpoint"));
  model.set_parameters([&](std::span<float> mine) { std::ranges::copy(parameters, mine.begin()); });
  trainer.restore(state, 1);
  CHECK(trainer.step(x, labels).loss_sum == expected);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("in half the loss's scale grows where 2000 steps lost nothing", "[cuda]") {
  const SimulatedDevice device;
  Model<Chain, Simulated<Half>> model(4, 5);
  Trainer<Chain, Simulated<Half>> trainer(model);
  std::vector<float> state(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
  state.end()[-2] = 1024;
  state.end()[-1] = 1998;
  trainer.restore(state, 1);
  std::vector<float> scales;
  for (int step = 0; step < 3; ++step) {
    trainer.step(features<Chain>(), labels);
    scales.push_back(trainer.optimizer_state().last(2)[0]);
  }
  CHECK(scales == std::vector<float>{1024, 2048, 2048});
}

TEST_CASE("an optimiser whose rule keeps something else than it says is refused", "[cuda]") {
  const SimulatedDevice device;
  Model<Chain, Simulated<Float>> model(4, 5);
  CHECK(has(message_of<ArgumentError>([&] { Trainer<Chain, Simulated<Float>, Plain>{model}; }), "a rule that keeps 1 numbers"));
}

TEST_CASE("whatever call fails while batches are staged, an error says so and nothing is left", "[cuda]") {
  SimulatedDevice device;
  using Net = Seq<Input<6, 5, 3>, Freeze<Conv2D<8, 3, Relu>>, Conv2D<4, 3, Relu>, GAP, Dense<2, Softmax>>;
  const std::vector<std::uint8_t> rgb(2 * 6 * 5 * 3, 40);
  const std::vector<Affine> maps(2);
  const std::vector<float> targets{1, 0, 0, 1};
  check_every_failure(device, [&] {
    Model<Net, Simulated<Half>> model(2, 5);
    Trainer<Net, Simulated<Half>> trainer(model);
    trainer.stage(std::span<const std::uint8_t>(rgb), std::span<const Affine>(maps));
    for (int step = 0; step < 3; ++step) {
      trainer.begin_step(targets);
      trainer.stage(std::span<const std::uint8_t>(rgb), std::span<const Affine>(maps));
      trainer.end_step();
    }
    static_cast<void>(trainer.optimizer_state());
    static_cast<void>(model.parameters());
    return device.calls;
  });
}

TEST_CASE("the simulated device finds what copies beside other work must not do", "[cuda]") {
  SimulatedDevice device;
  SimulatedDevice::Queue copies(device), work(device);
  SimulatedDevice::HostBuffer host(device, 256);
  SimulatedDevice::Event arrived(device);
  const cuda::Buffer<SimulatedDevice> a(device, 256), b(device, 256);
  const cuda::AddRelu<float> kernel{64, false, a.as<float>(), nullptr, b.as<float>()};
  std::fill_n(host.data(), 256, std::byte{});
  device.upload_later(copies, a.as<void>(), host.data(), 256);
  device.launch(work, kernel);
  CHECK(device.hazards == std::vector<std::string>{"a kernel is not ordered behind what wrote its operand"});
  device.hazards.clear();
  device.record(copies, arrived);
  device.wait(work, arrived);
  device.launch(work, kernel);
  CHECK(device.hazards.empty());
  device.upload_later(copies, a.as<void>(), host.data(), 256);
  CHECK(device.hazards == std::vector<std::string>{"an upload overwrites what another queue may still read"});
  device.hazards.clear();
  device.download_later(work, host.data(), b.as<void>(), 256);
  CHECK(host.data()[0] == std::byte{0xFF});  // not yet
  device.wait(work);
  CHECK(host.data()[0] == std::byte{0});
  device.wait(copies);
  device.hazards.clear();
  device.upload_later(copies, a.as<void>(), host.data(), 256);
  host.data()[7] = std::byte{1};
  device.wait(copies);
  CHECK(device.hazards == std::vector<std::string>{"the host changed what was on its way to the device"});
  device.hazards.clear();
  cuda::PerImage<float> images(4);
  images.add(cuda::AddRelu<float>{64, false, a.as<float>(), nullptr, b.as<float>()});
  images.add(cuda::AddRelu<float>{32, false, b.as<float>(), nullptr, a.as<float>()});  // of which an image has another part
  device.launch(copies, images);
  CHECK(device.hazards.front() == "blocks touch parts of what others write");
}
