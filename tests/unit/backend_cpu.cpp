#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/simd/target.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <limits>
#include <string>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// Each kind of neighbour that our own convolutions have: an image, a pool inside and one outside, oneDNN's, plain loops.
using Mixed = Seq<Input<22, 19, 3>, Freeze<Conv2D<32, 3, Same, Relu>, Conv2D<48, 3, Same, Relu>, MaxPool<2>, Conv2D<16, 3, Same>,
                                           Residual<Conv2D<16, 3, Same, Relu>>, Conv2D<32, 3, Same>, MaxPool<2>,
                                           Conv2D<40, 3, Relu>>,
                  GAP, Dense<9, Relu>, Dense<3, Softmax>>;

template <class Net>
std::vector<float> predict(const Model<Net, Cpu>& model, std::span<const float> images) {
  std::vector<float> y(images.size() / Traits<Net>::input.size() * Traits<Net>::output.size());
  model.predict(images, std::span(y));
  return y;
}

template <class Net>
double error(int n, int capacity) {
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 1);
  const auto images = random_values<float>(static_cast<std::size_t>(n) * Traits<Net>::input.size(), 2);
  const Model<Net, Cpu> model(parameters, capacity);
  const Model<Net, Reference<double>> truth(as<double>(parameters), n);
  std::vector<float> expected(static_cast<std::size_t>(n) * Traits<Net>::output.size());
  truth.predict(std::span<const float>(images), std::span(expected));
  return relative_error(predict(model, images), expected);
}

// VGG16's five pools vanish into the convolutions before them, and with them a quarter of the arena.
using Vgg = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
static_assert(Rewrite<Vgg, OneDnn, Mode::inference>::backbone.size() == Rewrite<Vgg, Cpu, Mode::inference>::backbone.size() + 5);
static_assert(Model<Vgg, Cpu>::arena_bytes(8) < Model<Vgg, OneDnn>::arena_bytes(8) * 5 / 8 + 1'000'000);

}  // namespace

TEST_CASE("Networks on Cpu give what plain loops give", "[backend_cpu]") {
  constexpr double bound = 1e-5;
  for (const auto& [n, capacity] : {std::pair{3, 3}, {1, 8}, {5, 8}, {19, 16}, {2, 1}}) {
    CAPTURE(n, capacity);
    CHECK(error<Mixed>(n, capacity) < bound);
    // What is given, at the end or at the cut, is plain whatever the layout inside.
    CHECK(error<Seq<Input<13, 12, 16>, Conv2D<32, 3, Same, Relu>>>(n, capacity) < bound);
    CHECK(error<Seq<Input<13, 12, 16>, Freeze<Conv2D<32, 3, Same, Relu>, MaxPool<2>>, GAP, Dense<2, Softmax>>>(n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Freeze<Conv2D<32, 3, Same>>, Dropout<0.5>, GAP, Dense<2>>>(n, capacity) < bound);
    // A pool that is not ours to take, and maps that a residual block reads twice.
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<32, 3, Same>, MaxPool<3, 2>, Residual<Conv2D<32, 3, Same>>, GAP>>(n, capacity) < bound);
  }
}

TEST_CASE("Gradients behind our own convolutions are those of doubles", "[backend_cpu]") {
  using Net = Seq<Input<12, 12, 16>, Dropout<0.1>, Freeze<Conv2D<32, 3, Same, Relu>, MaxPool<2>>, Conv2D<16, 3, Same, Relu>,
                  GAP, Dense<3>>;
  using T = Traits<Net>;
  for (const auto& [n, capacity] : {std::pair{4, 4}, {1, 8}, {5, 8}}) {
    const auto parameters = random_values<float>(T::parameter_count, 1);
    const auto features = random_values<float>(static_cast<std::size_t>(n) * T::features.size(), 2);
    const auto seed = random_values<float>(static_cast<std::size_t>(n) * T::output.size(), 3);
    Head<Net, Cpu> head(parameters, capacity);
    Head<Net, Reference<double>> truth(as<double>(parameters), n);
    // A full batch before leaves rows behind that the small one must not see.
    auto before = random_values<float>(static_cast<std::size_t>(capacity) * T::features.size(), 4);
    before.back() = std::numeric_limits<float>::infinity();
    head.forward(before);
    CHECK(relative_error(head.forward(features), truth.forward(as<double>(features))) < 1e-5);
    CHECK(relative_error(head.backward(seed), truth.backward(as<double>(seed))) < 1e-4);
  }
}

TEST_CASE("Our own convolutions give the same bits with and without what is fused to them", "[backend_cpu]") {
  using Net = Seq<Input<22, 19, 16>, Conv2D<32, 3, Same, Relu>, Conv2D<48, 3, Same, Relu>, MaxPool<2>, Conv2D<16, 3, Same>>;
  using Unfused = WithRules<Cpu, Rules<>>;
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 1);
  const auto images = random_values<float>(5 * Traits<Net>::input.size(), 2);
  std::vector<float> fused(5 * Traits<Net>::output.size()), unfused(fused), partly(fused);
  const Model<Net, Cpu> model(parameters, 4);
  model.predict(std::span<const float>(images), std::span(fused));
  const Model<Net, Unfused> other(parameters, 4);
  other.predict(std::span<const float>(images), std::span(unfused));
  Model<Net, WithRules<Cpu, Rules<FuseBias, FuseRelu>>>(parameters, 4).predict(std::span<const float>(images), std::span(partly));
  CHECK(unfused == fused);
  CHECK(partly == fused);
  CHECK(model.algorithms().size() == 3);
  CHECK(other.algorithms().size() == 9);
  // Bias and ReLU run in the convolutions' layout: neither by loops on a plain copy nor by oneDNN's own plain loops.
  for (const Algorithm& a : other.algorithms()) {
    CAPTURE(a.operation, a.name);
    CHECK((a.operation == "max_pool" || (a.name != "loops" && !a.name.starts_with("ref"))));
  }
}

TEST_CASE("An image's result on Cpu does not depend on its neighbours in the batch", "[backend_cpu]") {
  const Model<Mixed, Cpu> model(8, 3);
  const std::size_t size = Traits<Mixed>::input.size();
  auto images = random_values<float>(8 * size, 5, 0, 255);
  const auto together = predict(model, images);
  std::fill(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(3 * size), std::numeric_limits<float>::quiet_NaN());
  const auto beside_nan = predict(model, images);
  const auto alone = predict(model, std::span(images).subspan(4 * size, size));
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(beside_nan[4 * 3 + k] == together[4 * 3 + k]);
    CHECK(alone[k] == together[4 * 3 + k]);
  }
}

TEST_CASE("Replaced parameters are packed anew on Cpu", "[backend_cpu]") {
  Model<Mixed, Cpu> model(4, 1);
  const Model<Mixed, Cpu> other(4, 2);
  const auto images = random_values<float>(3 * Traits<Mixed>::input.size(), 6);
  model.set_parameters([&](std::span<float> mine) {
    std::copy(other.parameters().begin(), other.parameters().end(), mine.begin());
  });
  CHECK(predict(model, images) == predict(other, images));
}

TEST_CASE("Cpu says which of its convolutions are its own", "[backend_cpu]") {
  const auto list = Model<Mixed, Cpu>(2).algorithms();
  const std::string own = "winograd_4x3:" + std::string(name_of(simd_target()));
  CHECK(list[0].name != own);  // an image's three channels
  CHECK(list[1].name == own);
  CHECK(list[1].operation == "convolution+bias+relu+max_pool");
}
