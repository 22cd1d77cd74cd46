#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/io/checkpoint.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/resnet.hpp>
#include <cxrnet/train/sgd.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "device_failures.hpp"
#include "message.hpp"
#include "network.hpp"
#include "simulated_networks.hpp"
#include "temp_folder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Image = Input<7, 6, 3, Rescale<1, 255>>;
// Channels that are no multiples of 8, maps and vectors, a normalisation that ends in a ReLU and one that does not.
using Normal = Seq<Image, Conv2D<9, 3, Same, NoBias>, BatchNorm<0.9>, Relu, MaxPool<2>, Conv2D<5, 2, Same>, BatchNorm<0.8, 0.01>, GAP,
                   Dense<6>, BatchNorm<0.5>, Relu, Dense<3, Softmax>>;
using Fixed = Seq<Image, Conv2D<9, 3, Same, Relu>, Freeze<BatchNorm<>>, Relu, Conv2D<4, 3>, Freeze<BatchNorm<>>, Flatten, Dense<6, Relu>,
                  Freeze<BatchNorm<>>, Dense<3>>;
// A fork that is a ReLU's output, one that is not, blocks within blocks, shortcuts of layers and of none.
template <template <class...> class Wrap>
using Blocks = Seq<Image, Conv2D<4, 3, Same, Relu>, Wrap<Residual<Conv2D<4, 3, Same, Relu>, Conv2D<4, 3, Same>>, Relu>,
                   Wrap<Residual<Shortcut<Conv2D<9, 1, Stride<2>>>, Conv2D<9, 3, Same, Stride<2>, Relu>,
                            Residual<Shortcut<Relu, Conv2D<9, 1>>, Conv2D<9, 3, Same>>>>,
                   Residual<MaxPool<1>>, GAP, Dense<6, Relu>, Residual<Dense<6, Relu>, Dense<6>>, Relu, Residual<Dense<6>>, Dense<3, Softmax>>;
// What reads a value twice: an addition, two pools.
using Twice = Seq<Image, Conv2D<4, 3, Same, Relu>, Residual<>, Residual<Residual<>, Relu>, Residual<Shortcut<GAP>, GAP>, Dense<5, Relu>,
                  Residual<>, Residual<Shortcut<Relu>, Residual<>>, Dense<3>>;
using Dropped = Seq<Image, Conv2D<5, 3, Relu>, Dropout<0.3>, Conv2D<9, 1>, Relu, Dropout<0>, GAP, Dense<7, Relu>, Dropout<0.5>,
                    Dense<3, Softmax>>;
template <int Filters>
using Halving = Residual<Shortcut<Conv2D<Filters, 1, Stride<2>, NoBias>, BatchNorm<0.9>>, Conv2D<Filters, 3, Same, Stride<2>, NoBias>,
                         BatchNorm<0.9>, Relu, Conv2D<Filters, 3, Same, NoBias>, BatchNorm<0.9>>;
template <template <class...> class Wrap>
using Deep = Seq<Image, Conv2D<6, 3, Same, NoBias>, BatchNorm<0.9>, Relu,
                 Wrap<Residual<Conv2D<6, 3, Same, NoBias>, BatchNorm<0.9>, Relu, Dropout<0.2>, Conv2D<6, 3, Same, NoBias>, BatchNorm<0.9>>, Relu>,
                 Wrap<Halving<10>, Relu>, GAP, Dropout<0.3>, Dense<3, Softmax>>;
// What no rule has joined: a bias, a ReLU of maps and of vectors.
using Plain = Seq<Image, Conv2D<5, 3, Relu>, MaxPool<2>, Flatten, Dense<6, Relu>, Dense<3, Softmax>>;
template <class Numbers>
using Unfused = WithRules<Simulated<Numbers>, Rules<>>;

/// Random parameters: kernels as training starts, variances positive.
template <class Net>
std::vector<float> parameters() {
  auto values = initial_parameters<Net>(5);
  const auto random = random_values<float>(values.size(), 1, -0.5, 0.5);
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    const std::string_view role = info.parameter.role;
    if (role == "kernel") continue;
    const float least = role == "gamma" || role == "moving_variance" ? 1 : 0;
    for (std::size_t k = info.offset; k < info.offset + info.parameter.size(); ++k) values[k] = least + random[k];
  }
  return values;
}

/// Outputs of what is behind the cut and gradients, batch statistics among them, of n images of 5, against the reference's.
template <class Net, class Backend>
void check_gradients(int n, double output_bound, double bound) {
  using T = Traits<Net>;
  INFO(n << " images, " << Backend::name);
  const SimulatedDevice device;
  {
    const auto features = random_values<float>(static_cast<std::size_t>(n) * T::features.size(), 2, 0, 1);
    const auto seed = random_values<float>(static_cast<std::size_t>(n) * T::output.size(), 3);
    Head<Net, Backend> mine(parameters<Net>(), 5);
    Head<Net, Reference<double>> truth(as<double>(parameters<Net>()), 5);
    const auto expected = truth.forward(as<double>(features));
    const auto gradients = truth.backward(as<double>(seed));
    for (int call = 0; call < 3; ++call) {  // as it is, recorded, replayed
      CHECK(relative_error(mine.forward(features), expected) < output_bound);
      CHECK(relative_error(mine.backward(seed), gradients) < bound);
    }
  }
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}
template <class Net>
void check_gradients() {
  for (const int n : {5, 3, 1}) check_gradients<Net, Simulated<Float>>(n, 2e-6, 2e-5);
}

struct Trained {
  std::vector<double> losses;
  std::vector<float> parameters, state, probabilities;
};
/// Steps on batches of 4, 3 and 4 images and so on, of a model of 4; what it predicts then.
template <class Net, class Backend, class Optimizer>
Trained train(const Optimizer& optimizer, const Clip& clip, int steps) {
  Model<Net, Backend> model(parameters<Net>(), 4);
  Trainer<Net, Backend, Optimizer> trainer(model, optimizer, 7, {}, clip);
  Trained result;
  const auto x = random_values<float>(4 * Traits<Net>::features.size(), 3, 0, 1);
  for (int step = 0; step < steps; ++step) {
    const std::size_t n = step % 2 == 0 ? 4 : 3;
    const std::array labels{0, 2, 1, 2};
    result.losses.push_back(trainer.step(std::span(x).first(n * Traits<Net>::features.size()), std::span(labels).first(n)).loss_sum);
  }
  const auto state = trainer.optimizer_state().first(Trainer<Net, Backend, Optimizer>::optimizer_bytes / sizeof(float));
  result.state.assign(state.begin(), state.end());
  result.parameters.assign(model.parameters().begin(), model.parameters().end());
  result.probabilities.resize(12);
  model.predict_features(x, result.probabilities);
  return result;
}
template <class Net, class Numbers, class Optimizer = Sgd>
void check_training(double bound, const Optimizer& optimizer = {.learning_rate = 0.05}, const Clip& clip = {}) {
  INFO(Simulated<Numbers>::name);
  const SimulatedDevice device;
  static_assert(Trainer<Net, Simulated<Numbers>, Optimizer>::steps_on_device);
  const Trained here = train<Net, Simulated<Numbers>>(optimizer, clip, 6);
  const Trained there = train<Net, Reference<float>>(optimizer, clip, 6);
  CHECK(relative_error(here.losses, there.losses) < bound);
  CHECK(relative_error(here.parameters, there.parameters) < bound);
  // In two bytes a ReLU near 0 goes the other way: the last gradients are others.
  if (bound < 1e-2) CHECK(relative_error(here.state, there.state) < bound);
  CHECK(relative_error(here.probabilities, there.probabilities) < bound);
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    const auto of = [&](const Trained& t) { return std::span(t.parameters).subspan(info.offset, info.parameter.size()); };
    INFO(info.name.view());
    if (info.averages) CHECK(relative_error(of(here), of(there)) < bound);
  }
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

template <class Item>
cuda::Buffer<SimulatedDevice> uploaded(SimulatedDevice& device, SimulatedDevice::Queue& queue, std::span<const Item> items) {
  cuda::Buffer<SimulatedDevice> made(device, items.size_bytes());
  device.upload(queue, made.as<void>(), items.data(), items.size_bytes());
  return made;
}

/// Mean, variance and the gradients of gamma and beta by the kernels against the reference's; how many chunks and tiles sum them.
template <int lanes>
std::pair<int, int> check_statistics(const cuda::Maps& maps, int n, double mean, double spread) {
  SimulatedDevice device;
  SimulatedDevice::Queue queue(device);
  const auto count = static_cast<std::size_t>(maps.numbers()), width = static_cast<std::size_t>(maps.channels);
  const auto rows = static_cast<std::size_t>(n * maps.height * maps.width);
  const auto x = random_values<float>(count, 4, mean - spread, mean + spread), dy = random_values<float>(count, 5);
  const cuda::SumGrid grid(maps, lanes);
  const cuda::Buffer<SimulatedDevice> there_x = uploaded<float>(device, queue, x), there_dy = uploaded<float>(device, queue, dy);
  const cuda::StepSettings told{.back = 0.5F, .n = n};
  const cuda::Buffer<SimulatedDevice> settings = uploaded<cuda::StepSettings>(device, queue, std::span(&told, 1));
  const cuda::Buffer<SimulatedDevice> scratch(device, cuda::SumSpace::bytes(grid)), results(device, 4 * width * sizeof(float));
  const cuda::SumSpace space(scratch.as<void>(), grid);
  auto* const to = results.as<float>();
  const auto* const of = settings.as<cuda::StepSettings>();
  device.launch(queue, cuda::ChannelSums<float, lanes>{maps, grid, of, there_x.as<float>(), nullptr, nullptr, space.lane_sums, space.sums});
  device.launch(queue, cuda::Moments<float>{maps, cuda::ChunkSums(grid, space.sums), of, there_x.as<float>(), to, to + width});
  device.launch(queue, cuda::ChannelSums<float, lanes>{maps, grid, of, there_x.as<float>(), to, there_dy.as<float>(), space.lane_sums, space.sums});
  device.launch(queue, cuda::NormGradients{maps, cuda::ChunkSums(grid, space.sums), 1e-3, of, to + width, to + 2 * width, to + 3 * width, space.means});
  const std::vector<float> ones(width, 1);
  const cuda::Buffer<SimulatedDevice> scale = uploaded<float>(device, queue, ones), normal(device, count * sizeof(float));
  device.launch(queue, cuda::BatchNorm<float, lanes>{maps, 1e-3F, false, of, there_x.as<float>(), scale.as<float>(), scale.as<float>(), to,
                                                     to + width, normal.as<float>()});
  std::vector<float> found(4 * width), expected(4 * width), y(count), expected_y(count);
  device.download(queue, found.data(), to, found.size() * sizeof(float));
  device.download(queue, y.data(), normal.as<float>(), count * sizeof(float));
  reference::moments(width, rows, x.data(), expected.data(), expected.data() + width);
  reference::batch_norm_backward<float>(width, rows, 1e-3, op::Statistics::batch, x.data(), ones.data(), expected.data(), expected.data() + width,
                                        dy.data(), nullptr, expected.data() + 2 * width, expected.data() + 3 * width);
  reference::batch_norm(width, rows, 1e-3, x.data(), ones.data(), ones.data(), expected.data(), expected.data() + width, expected_y.data());
  CHECK(relative_error(y, expected_y) < 1e-3);  // images that are not there are zeros
  for (std::size_t k = 2 * width; k < 4 * width; ++k) expected[k] *= 0.5F;
  for (std::size_t k = 0; k < 4; ++k) {
    INFO("result " << k << ", " << maps.channels << " channels, " << grid.chunks << " chunks, " << grid.tiles << " tiles");
    CHECK(relative_error(std::span(found).subspan(k * width, width), std::span(expected).subspan(k * width, width)) < (k < 2 ? 2e-6 : 2e-5));
  }
  CHECK(device.hazards == std::vector<std::string>{});
  return {grid.chunks, grid.tiles};
}

}  // namespace

TEST_CASE("residual blocks of the device have the CPU's gradients", "[cuda]") {
  check_gradients<Blocks<Seq>>();
  check_gradients<Blocks<Recompute>>();
  check_gradients<Twice>();
}

TEST_CASE("batch normalisation of the device has the CPU's gradients and statistics", "[cuda]") {
  check_gradients<Normal>();
  check_gradients<Fixed>();
  check_gradients<Deep<Seq>>();
  check_gradients<Deep<Recompute>>();
  for (const int n : {5, 3}) {
    check_gradients<Normal, Simulated<Half>>(n, 1e-3, 2e-3);
    check_gradients<Normal, Simulated<Bf16>>(n, 1e-2, 8e-2);
    check_gradients<Deep<Seq>, Simulated<Half>>(n, 1e-3, 2e-3);
    check_gradients<Deep<Seq>, Simulated<Bf16>>(n, 1e-2, 8e-2);
    check_gradients<Blocks<Seq>, Simulated<Half>>(n, 1e-3, 2e-3);
    check_gradients<Fixed, Simulated<Half>>(n, 1e-3, 2e-3);
  }
}

TEST_CASE("dropout of the device draws what the CPU draws", "[cuda]") {
  bool same = true;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{0x123456789ABCDEF}}) {
    RandomStream stream(seed, RandomUse::dropout, 77, 5);
    for (std::int64_t i = 0; i < 1000; ++i) same = same && stream.bits() == cuda::dropout_bits(seed, 77, 5, i);
  }
  CHECK(same);
  check_gradients<Dropped>();
  check_gradients<Dropped, Simulated<Half>>(4, 1e-3, 2e-3);
}

TEST_CASE("what no rule joins runs and trains on the device", "[cuda]") {
  check_gradients<Plain, Unfused<Float>>(3, 2e-6, 2e-5);
  check_gradients<Normal, Unfused<Float>>(4, 2e-6, 2e-5);
  check_gradients<Blocks<Seq>, Unfused<Float>>(5, 2e-6, 2e-5);
  check_gradients<Seq<Image, Flatten, Dense<5, Relu>, Softmax, Dense<4, Relu>, Sigmoid, Dense<3>>, Simulated<Float>>(3, 2e-6, 2e-5);
  check_gradients<Plain, Unfused<Half>>(3, 1e-3, 1e-2);
}

TEST_CASE("networks with blocks, normalisation and dropout train on the device as on the CPU", "[cuda]") {
  check_training<Blocks<Seq>, Float>(1e-4);
  check_training<Normal, Float>(1e-4);
  check_training<Dropped, Float>(1e-4);
  check_training<Deep<Seq>, Float>(1e-4);
  check_training<Deep<Recompute>, Tf32>(1e-4);
  check_training<Deep<Seq>, Float, Adam>(1e-3, Adam{.learning_rate = 0.001});
  check_training<Normal, Float>(1e-4, Sgd{.learning_rate = 0.5}, {ClipBy::global_norm, 1e-2});
  check_training<Normal, Float>(1e-4, Sgd{.learning_rate = 0.5}, {ClipBy::norm, 1e-2});
  check_training<Normal, Float>(1e-4, Sgd{.learning_rate = 0.5}, {ClipBy::value, 1e-3});
  check_training<Deep<Seq>, Half>(2e-2);
  check_training<Deep<Seq>, Bf16>(5e-2);
}

TEST_CASE("statistics of many places, and of values far from zero, are the CPU's", "[cuda]") {
  CHECK(check_statistics<1>({3, 60, 70, 5, 5}, 2, 0, 1) == std::pair(8, 1));
  CHECK(check_statistics<4>({3, 60, 70, 8, 8}, 3, 50, 1) == std::pair(4, 1));
  CHECK(check_statistics<1>({4, 80, 70, 199, 199}, 3, 0, 1) == std::pair(510, 1));  // 512 at most
  CHECK(check_statistics<4>({5, 1, 1, 3000, 3000}, 4, -1000, 0.1) == std::pair(1, 3));
  CHECK(check_statistics<1>({2, 1, 1, 300, 300}, 1, 3, 1) == std::pair(1, 2));
}

TEST_CASE("networks of frozen residual blocks predict on the device, and what is behind them trains", "[cuda]") {
  using Images = Input<16, 12, 3, ImageNetTorch>;
  const auto check = [&]<class Net, class Numbers>(double bound) {
    SimulatedDevice device;
    {
      const auto images = random_values<float>(3 * Traits<Net>::input.size(), 3, 0, 255);
      std::vector<std::uint8_t> rgb(images.begin(), images.end());
      const std::vector<float> whole(rgb.begin(), rgb.end());
      std::vector<float> here(3 * 2), there(3 * 2), features(3 * Traits<Net>::features.size());
      Model<Net, Simulated<Numbers>> model(parameters<Net>(), 4);
      Model<Net, Reference<float>> reference(parameters<Net>(), 4);
      Trainer<Net, Simulated<Numbers>, Sgd> trainer(model, Sgd{.learning_rate = 0.05}, 1);
      Trainer<Net, Reference<float>, Sgd> other(reference, Sgd{.learning_rate = 0.05}, 1);
      reference.features(std::span<const float>(whole), std::span(features));
      const std::vector<Affine> maps(3);
      const std::vector<float> targets{1, 0, 0, 1, 1, 0};
      for (int step = 0; step < 4; ++step) {
        device.may_allocate = step < 2;
        trainer.stage(std::span<const std::uint8_t>(rgb), std::span<const Affine>(maps));
        trainer.begin_step(targets);
        CHECK(trainer.end_step().loss_sum == Approx(other.step(features, std::span<const float>(targets)).loss_sum).epsilon(bound));
      }
      device.may_allocate = true;
      CHECK(relative_error(model.parameters(), reference.parameters()) < bound);
      model.predict(std::span<const std::uint8_t>(rgb), here);
      reference.predict(std::span<const float>(whole), there);
      CHECK(relative_error(here, there) < bound);
    }
    CHECK(device.hazards == std::vector<std::string>{});
    CHECK(device.live() == 0);
  };
  using Top = Seq<GAP, Dropout<0.5>, Dense<2, Softmax>>;
  check.operator()<Seq<ResNetBackbone<2, 8, Images, Frozen>, Top>, Float>(1e-4);
  check.operator()<Seq<ResNetBackbone<2, 8, Images, Frozen>, Top>, Half>(2e-2);
  check.operator()<Seq<ResNetBackbone<1, 8, Images, FreezeThrough<3>>, Top>, Float>(1e-4);
  check.operator()<Seq<ResNetBackbone<1, 8, Images, FreezeThrough<2>>, Top>, Half>(5e-2);
}

TEST_CASE("moving averages move where a step is made, and once", "[cuda]") {
  SimulatedDevice device;
  using T = Traits<Normal>;
  const auto x = random_values<float>(3 * T::features.size(), 3, 0, 1);
  const std::array labels{0, 2, 1};
  const auto averages = [](const auto& model) {
    std::vector<float> all;
    for (std::size_t i = 0; i < T::parameters.size(); ++i) {
      const auto one = model.parameter(static_cast<int>(i));
      if (T::parameters[i].averages) all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  };
  Model<Normal, Simulated<Half>> model(parameters<Normal>(), 4);
  Trainer<Normal, Simulated<Half>, Sgd> trainer(model, Sgd{.learning_rate = 0.01});
  const auto before = averages(model);
  trainer.gradients_of(x, std::span<const int>(labels));
  CHECK(averages(model) == before);
  const std::vector<float> statistics(trainer.gradients().begin(), trainer.gradients().end());
  // A step that is made again with a smaller scale, by a loss so large: the averages take the same statistics once.
  const std::array<float, 3> huge{3e3F, 3e3F, 3e3F};
  CHECK(std::isfinite(trainer.step(x, labels, std::span<const float>(huge)).loss_sum));
  CHECK(trainer.optimizer_state().last(2)[0] < 32768);
  const auto after = averages(model);
  std::vector<float> expected;
  for (const ParameterInfo& info : T::parameters) {
    const auto momentum = static_cast<float>(info.parameter.momentum);
    for (std::size_t k = 0; info.averages && k < info.parameter.size(); ++k) {
      CHECK(trainer.gradients()[info.gradient + k] == statistics[info.gradient + k]);
      expected.push_back(before[expected.size()] * momentum + statistics[info.gradient + k] * (1 - momentum));
    }
  }
  CHECK(relative_error(after, expected) < 1e-6);
  CHECK(relative_error(after, before) > 0.1);
  // One that is not finite moves nothing.
  auto broken = x;
  broken[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(trainer.step(broken, labels).loss_sum));
  CHECK(averages(model) == after);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a step whose statistics are not finite changes nothing, whatever its gradients", "[cuda]") {
  const SimulatedDevice device;
  using Net = Seq<Image, BatchNorm<>, GAP, Dense<3, Softmax>>;
  const auto check = [&]<class Backend>() {
    Model<Net, Backend> model(4, 5);
    Trainer<Net, Backend> trainer(model);
    const std::vector<float> before(model.parameters().begin(), model.parameters().end());
    auto x = random_values<float>(3 * Traits<Net>::features.size(), 3, 0, 1);
    for (float& v : x) v *= 1e25F;
    CHECK(std::isnan(trainer.step(x, std::array{0, 2, 1}).loss_sum));
    CHECK(std::ranges::equal(model.parameters(), before));
    const auto finite = [&](const ParameterInfo& info) { return std::isfinite(trainer.gradients()[info.gradient]) == (info.parameter.role != "moving_variance"); };
    CHECK(std::ranges::all_of(Traits<Net>::parameters, finite));
  };
  check.operator()<Reference<float>>();
  check.operator()<Simulated<Float>>();
}

TEST_CASE("a loss that only the host knows trains normalisation and dropout on the device as well", "[cuda]") {
  const SimulatedDevice device;
  const auto x = random_values<float>(4 * Traits<Deep<Seq>>::features.size(), 3, 0, 1);
  Model<Deep<Seq>, Simulated<Float>> model(parameters<Deep<Seq>>(), 4), other(parameters<Deep<Seq>>(), 4);
  Trainer<Deep<Seq>, Simulated<Float>, Sgd, HostLoss> host(model, Sgd{.learning_rate = 0.05}, 7);
  Trainer<Deep<Seq>, Simulated<Float>, Sgd> own(other, Sgd{.learning_rate = 0.05}, 7);
  for (const std::size_t n : {4U, 3U, 3U, 1U, 4U}) {
    const std::array labels{0, 2, 1, 1};
    const auto given = std::span(x).first(n * Traits<Deep<Seq>>::features.size());
    CHECK(host.step(given, std::span(labels).first(n)).loss_sum == Approx(own.step(given, std::span(labels).first(n)).loss_sum).epsilon(1e-5));
  }
  CHECK(relative_error(model.parameters(), other.parameters()) < 1e-5);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a step with blocks, normalisation and dropout allocates nothing and is replayed", "[cuda]") {
  SimulatedDevice device;
  Model<Deep<Seq>, Simulated<Half>> model(4, 5);
  Trainer<Deep<Seq>, Simulated<Half>> trainer(model);
  const auto x = random_values<float>(4 * Traits<Deep<Seq>>::features.size(), 3, 0, 1);
  for (int step = 0; step < 4; ++step) {
    const std::size_t n = step % 2 == 0 ? 4 : 2;
    device.may_allocate = step < 1;
    device.replays = device.launches = 0;
    const std::array labels{0, 1, 2, 0};
    trainer.step(std::span(x).first(n * Traits<Deep<Seq>>::features.size()), std::span(labels).first(n));
    CHECK(device.replays == (step == 0 ? 0 : 1));
    // The layout. Forward: 6 convolutions, 6 normalisations of 3, a dropout of maps, 2 additions with their ReLU; the head both ways.
    // Back: 6 normalisations of 3, 6 weight gradients, 5 gradients of data, which two are added to, a dropout, 2 additions to both
    // operands. Gradients of dense layers and of convolutions, 3 of the optimiser, and new working copies.
    CHECK(device.launches == 1 + 6 + 6 * 3 + 1 + 2 + 1 + 6 * 3 + 6 + 5 + 2 + 1 + 2 * 2 + 2 + 3 + 1);
  }
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("whatever call fails in a network with blocks, normalisation and dropout, an error says so and nothing is left", "[cuda]") {
  SimulatedDevice device;
  const auto x = random_values<float>(2 * Traits<Deep<Seq>>::features.size(), 3, 0, 1);
  check_every_failure(device, [&] {
    Model<Deep<Seq>, Simulated<Half>> model(2, 5);
    Trainer<Deep<Seq>, Simulated<Half>> trainer(model);
    for (int step = 0; step < 3; ++step) trainer.step(x, std::array{0, 1});
    static_cast<void>(trainer.optimizer_state());
    std::vector<float> probabilities(2 * 3);
    model.predict_features(x, probabilities);
    return device.calls;
  });
}

TEST_CASE("training with normalisation and dropout goes on from a checkpoint to the same bits", "[cuda]") {
  using Net = Deep<Seq>;
  const SimulatedDevice device;
  const TempFolder folder;
  const auto x = random_values<float>(4 * Traits<Net>::features.size(), 3, 0, 1);
  const std::array labels{0, 2, 1, 1};
  Model<Net, Simulated<Half>> model(parameters<Net>(), 4);
  Trainer<Net, Simulated<Half>> trainer(model, Adam{.learning_rate = 0.01}, 7);
  for (int step = 0; step < 3; ++step) trainer.step(x, labels);
  TrainingState state;
  state.steps = trainer.steps();
  state.parameters = changing_parameters(description_of<Net>, model.parameters());
  state.optimizer_state.assign(trainer.optimizer_state().begin(), trainer.optimizer_state().end());
  write_checkpoint(folder.path(), state);
  for (int step = 0; step < 3; ++step) trainer.step(x, labels);

  const TrainingState kept = read_checkpoint(folder.path())->state;
  Model<Net, Simulated<Half>> later(parameters<Net>(), 4);
  Trainer<Net, Simulated<Half>> other(later, Adam{.learning_rate = 0.01}, 7);
  later.set_parameters([&](std::span<float> mine) { put_changing_parameters(description_of<Net>, kept.parameters, mine); });
  other.restore(kept.optimizer_state, kept.steps);
  for (int step = 0; step < 3; ++step) other.step(x, labels);
  CHECK(std::ranges::equal(model.parameters(), later.parameters()));
  CHECK(std::ranges::equal(trainer.optimizer_state(), other.optimizer_state()));
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("a user's own layer is refused by the device", "[cuda]") {
  const SimulatedDevice device;
  using Net = Seq<Image, Conv2D<4, 3, Relu>, Scale, GAP, Dense<3, Softmax>>;
  static_assert(detail::untrainable_layer<Net, Simulated<Half>>() == 2);
  static_assert(detail::untrainable_layer<Deep<Seq>, Simulated<Half>>() == -1);
  CHECK(has(message_of<BackendError>([] { const Model<Net, Simulated<Half>> model(2, 5); }), "has no custom yet (layer 2)"));
}
