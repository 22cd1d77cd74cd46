#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <limits>
#include <thread>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Net, class Backend>
std::vector<float> predict(const Model<Net, Backend>& model, std::span<const float> images) {
  std::vector<float> y(images.size() / Traits<Net>::input.size() * Traits<Net>::output.size());
  model.predict(images, std::span(y));
  return y;
}

/// How far a backend's predictions are from Reference<double>'s, relative to the largest; `n` images at a capacity.
template <class Net, class Backend = OneDnn>
double error(int n = 3, int capacity = 3) {
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 1);
  const auto images = random_values<float>(static_cast<std::size_t>(n) * Traits<Net>::input.size(), 2);
  const Model<Net, Backend> model(parameters, capacity);
  const Model<Net, Reference<double>> truth(as<double>(parameters), n);
  return relative_error(predict(model, images), predict(truth, images));
}

/// How far the gradients of what trains are from Reference<double>'s.
template <class Net>
double gradient_difference(int n, int capacity) {
  using T = Traits<Net>;
  const auto parameters = random_values<float>(T::parameter_count, 1);
  const auto features = random_values<float>(static_cast<std::size_t>(n) * T::features.size(), 2);
  const auto seed = random_values<float>(static_cast<std::size_t>(n) * T::output.size(), 3);
  Head<Net, OneDnn> head(parameters, capacity);
  Head<Net, Reference<double>> truth(as<double>(parameters), n);
  // A full batch before leaves rows behind that the small one must not see.
  auto before = random_values<float>(static_cast<std::size_t>(capacity) * T::features.size(), 4);
  before.back() = std::numeric_limits<float>::infinity();
  head.forward(before);
  const double forward = relative_error(head.forward(features), truth.forward(as<double>(features)));
  return std::max(forward, relative_error(head.backward(seed), truth.backward(as<double>(seed))));
}

using Mixed = Seq<Input<20, 18, 3>, Freeze<Conv2D<32, 3, Same, Relu>, Conv2D<32, 3, Same, Relu>, MaxPool<2>,
                                           Conv2D<40, 3, Relu>, Conv2D<17, 3, Same, Stride<2>>>,
                  GAP, Dense<9, Relu>, Dense<3, Softmax>>;

}  // namespace

TEST_CASE("Every layer on oneDNN gives what plain loops give", "[backend_onednn]") {
  constexpr double bound = 2e-6;
  CHECK(error<Seq<Input<9, 11, 3>, Conv2D<5, 3, Same>>>() < bound);
  CHECK(error<Seq<Input<9, 11, 3>, Conv2D<16, 3, Relu>>>() < bound);
  CHECK(error<Seq<Input<9, 11, 16>, Conv2D<7, 5, Same, Stride<2>, Relu>>>() < bound);
  CHECK(error<Seq<Input<8, 8, 2>, Conv2D<3, 3, Same, Stride<2>>>>() < bound);
  CHECK(error<Seq<Input<9, 10, 2>, Conv2D<3, 4, Stride<3>>>>() < bound);
  CHECK(error<Seq<Input<6, 6, 1>, Conv2D<1, 1>>>() < bound);
  CHECK(error<Seq<Input<9, 11, 5>, MaxPool<2>>>() == 0);
  CHECK(error<Seq<Input<9, 11, 16>, MaxPool<3, 2>>>() == 0);
  CHECK(error<Seq<Input<7, 5, 32>, GAP>>() < bound);
  CHECK(error<Seq<Input<7, 5, 3>, GAP>>() < bound);
  CHECK(error<Seq<Input<1, 1, 16>, GAP>>() < bound);
  CHECK(error<Seq<Input<3, 5, 7>, Flatten>>() == 0);
  CHECK(error<Seq<Input<3, 5, 7>, Flatten, Dense<11>>>() < bound);
  CHECK(error<Seq<Input<3, 5, 7>, Flatten, Dense<11, Relu>, Dense<1>>>() < bound);
  CHECK(error<Seq<Input<3, 5, 7>, Flatten, Dense<11, Softmax>>>() < bound);
  CHECK(error<Seq<Input<3, 5, 7>, Relu>>() == 0);
  CHECK(error<Seq<Input<3, 5, 7>, Dropout<0.5>>>() == 0);
  CHECK(error<Seq<Input<3, 5, 7>>>() == 0);
}

TEST_CASE("Networks on oneDNN give what plain loops give", "[backend_onednn]") {
  constexpr double bound = 1e-5;
  for (const auto& [n, capacity] : {std::pair{3, 3}, {1, 8}, {5, 8}, {19, 16}, {2, 1}}) {
    CAPTURE(n, capacity);
    CHECK(error<Mixed>(n, capacity) < bound);
    CHECK(error<Mixed, OneDnnDirect>(n, capacity) < bound);
    CHECK(error<Mixed, Reference<float>>(n, capacity) < bound);
    // Blocked maps that plain loops read: a branch, a flattening, a mean of channels that fill no block.
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<16, 3, Same>, Residual<Conv2D<16, 3, Same, Relu>>, Flatten, Dense<2>>>(
              n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<32, 3, Same>, Conv2D<20, 3, Relu>, GAP, Dense<2, Softmax>>>(n, capacity) <
          bound);
    // What is given, at the end or at the cut, is plain whatever the layout inside.
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<32, 3, Same, Relu>>>(n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<20, 3, Same>, MaxPool<2>>>(n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Freeze<Conv2D<32, 3>, MaxPool<2>>, Conv2D<16, 3>, GAP>>(n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Freeze<Conv2D<32, 3>>, Dropout<0.5>, GAP, Dense<2>>>(n, capacity) < bound);
    CHECK(error<Seq<Input<9, 9, 3>, Residual<Conv2D<3, 3, Same>, Residual<Relu>>, MaxPool<2>, Flatten>>(n, capacity) <
          bound);
  }
}

TEST_CASE("Networks on oneDNN without fusions give what plain loops give", "[backend_onednn]") {
  using Unfused = WithRules<OneDnn, Rules<>>;
  constexpr double bound = 1e-5;
  for (const auto& [n, capacity] : {std::pair{3, 3}, {5, 8}, {2, 1}}) {
    CAPTURE(n, capacity);
    CHECK(error<Mixed, Unfused>(n, capacity) < bound);
    CHECK(error<Mixed, WithRules<OneDnnDirect, Rules<>>>(n, capacity) < bound);
    // A sum of a blocked map and a plain one, either first.
    CHECK(error<Seq<Input<12, 12, 16>, Residual<Conv2D<16, 3, Same, Relu>>, Relu>, Unfused>(n, capacity) < bound);
    CHECK(error<Seq<Input<12, 12, 16>, Conv2D<16, 3, Same>, Residual<Conv2D<16, 3, Same>, Sigmoid>>, Unfused>(n, capacity) < bound);
    CHECK(error<Seq<Input<9, 9, 3>, Residual<Conv2D<3, 3, Same>, Residual<Relu>>, Conv2D<20, 3>, Relu, Flatten>, Unfused>(
              n, capacity) < bound);
  }
}

TEST_CASE("A profile has each operation's time, and that of plain maps in and out beside them", "[backend_onednn]") {
  using Net = Seq<Input<12, 12, 16>, Freeze<Conv2D<32, 3, Same, Relu>, MaxPool<2>>>;
  const Model<Net, OneDnn> model(4);
  const auto images = random_values<float>(4 * Traits<Net>::input.size(), 2);
  std::vector<float> features(4 * Traits<Net>::features.size());
  Profile profile;
  model.features_of_prepared(images, features, &profile);
  REQUIRE(profile.seconds.size() == 2);
  CHECK(profile.images == 4);
  CHECK(profile.seconds[0] > 0);
  CHECK(profile.seconds[1] > 0);
  const bool blocked = model.algorithms()[0].name.find("wino") != std::string::npos;
  if (blocked) CHECK(profile.borders > 0);
}

TEST_CASE("The heads' gradients on oneDNN meet those of doubles", "[backend_onednn]") {
  constexpr double bound = 1e-4;  // a softmax's backward subtracts what is nearly equal
  for (const auto& [n, capacity] : {std::pair{4, 4}, {1, 8}, {5, 8}}) {
    CAPTURE(n, capacity);
    CHECK(gradient_difference<Mixed>(n, capacity) < bound);
    CHECK(gradient_difference<Seq<Input<4, 4, 3>, Flatten, Dense<5>, Relu, Softmax, Dense<3>>>(n, capacity) < bound);
    CHECK(gradient_difference<Seq<Input<4, 4, 3>, Flatten, Dropout<0.4>, Dense<9, Relu>, Dropout<0.2>, Freeze<Dense<4>>,
                                  Dense<3, Softmax>>>(n, capacity) < bound);
    // A user's trainable layer right behind blocked maps, and one in front of a flattening.
    CHECK(gradient_difference<Seq<Input<12, 12, 16>, Dropout<0.1>, Freeze<Conv2D<32, 3, Same, Relu>>, Scale, Flatten,
                                  Dense<3>>>(n, capacity) < bound);
  }
}

TEST_CASE("The gradients of convolutional networks on oneDNN meet those of doubles", "[backend_onednn]") {
  constexpr double bound = 1e-4;
  for (const auto& [n, capacity] : {std::pair{4, 4}, {1, 8}, {5, 8}}) {
    CAPTURE(n, capacity);
    CHECK(gradient_difference<Seq<Input<9, 9, 5>, Conv2D<7, 3, Same, Relu>, GAP, Dense<2>>>(n, capacity) < bound);
    CHECK(gradient_difference<Seq<Input<12, 12, 3>, Conv2D<16, 3, Same, Relu>, MaxPool<2>, Conv2D<32, 3, Same, Relu>,
                                  MaxPool<2>, Flatten, Dense<8, Relu>, Dense<2>>>(n, capacity) < bound);
    CHECK(gradient_difference<Seq<Input<28, 28, 16>, Conv2D<32, 3, Same, Relu>, Conv2D<32, 3, Same>, MaxPool<3, 2>,
                                  Conv2D<64, 3, Valid, Stride<2>>, GAP, Dense<2>>>(n, capacity) < bound);
    CHECK(gradient_difference<Seq<Input<12, 12, 16>, Conv2D<16, 3, Same>,
                                  Residual<Conv2D<16, 3, Same, Relu>, Residual<Conv2D<16, 3, Same>>>, Probe, Dropout<0.3>,
                                  GAP, Dense<2, Softmax>>>(n, capacity) < bound);
    // A frozen layer in front of which something trains passes the gradient on.
    CHECK(gradient_difference<Seq<Input<12, 12, 4>, Conv2D<16, 3, Same>, Freeze<Conv2D<20, 3, Same, Relu>, MaxPool<2>>,
                                  GAP, Dense<2>>>(n, capacity) < bound);
  }
}

TEST_CASE("An image's result does not depend on its neighbours in the batch", "[backend_onednn]") {
  const Model<Mixed, OneDnn> model(8, 3);
  const std::size_t size = Traits<Mixed>::input.size();
  auto images = random_values<float>(8 * size, 5, 0, 255);
  const auto together = predict(model, images);
  // Neighbours that are not numbers, and none at all.
  std::fill(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(3 * size),
            std::numeric_limits<float>::quiet_NaN());
  const auto beside_nan = predict(model, images);
  const auto alone = predict(model, std::span(images).subspan(4 * size, size));
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(beside_nan[4 * 3 + k] == together[4 * 3 + k]);
    CHECK(alone[k] == together[4 * 3 + k]);
  }
}

TEST_CASE("Models predict from several threads at once, and alike", "[backend_onednn]") {
  const Model<Mixed, OneDnn> one(4, 1);
  const Model<Mixed, OneDnn> two(8, 2);
  const auto images = random_values<float>(10 * Traits<Mixed>::input.size(), 6, 0, 255);
  const auto first = predict(one, images);
  const auto second = predict(two, images);
  std::array<std::vector<float>, 6> results;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < results.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int again = 0; again < 3; ++again) results[t] = predict(t % 2 == 0 ? one : two, images);
      });
    }
  }
  for (std::size_t t = 0; t < results.size(); ++t) CHECK(results[t] == (t % 2 == 0 ? first : second));
}

TEST_CASE("A model says what it picked and keeps", "[backend_onednn]") {
  const Model<Mixed, OneDnn> model(8);
  const auto list = model.algorithms();
  REQUIRE(list.size() == Rewrite<Mixed, OneDnn, Mode::inference>::operations.size());
  CHECK(list[0].operation == "convolution+bias+relu");
  CHECK(list[0].layer == 1);
  CHECK(list.back().operation == "softmax");
  for (const Algorithm& algorithm : list) CHECK_FALSE(algorithm.name.empty());
  for (const Algorithm& algorithm : Model<Mixed, OneDnnDirect>(8).algorithms()) {
    CHECK(algorithm.name.find("wino") == std::string::npos);
  }
  CHECK(model.workspace_bytes() % arena_alignment == 0);
  for (const Algorithm& algorithm : Model<Mixed, Reference<float>>(8).algorithms()) CHECK(algorithm.name == "loops");
}

TEST_CASE("A trainer says what it picked, forward and backward", "[backend_onednn]") {
  using Net = Seq<Input<16, 16, 16>, Conv2D<32, 3, Same, Relu>, Conv2D<32, 3, Same>, GAP, Dense<3, Softmax>>;
  Model<Net, OneDnnDirect> model(4);
  const auto list = Trainer<Net, OneDnnDirect>(model).algorithms();
  constexpr auto& operations = Rewrite<Net, OneDnnDirect, Mode::training>::head;
  REQUIRE(list.size() == 2 * operations.size());
  CHECK(list[operations.size()].operation == "backward of softmax");
  CHECK(list.back().operation == "backward of convolution+bias+relu");
  // The gradients of its kernel, and of its input too where somebody before it trains.
  CHECK(list[list.size() - 1].name.find(", ") == std::string::npos);
  CHECK(list[list.size() - 2].name.find(", ") != std::string::npos);
  for (const Algorithm& algorithm : list) {
    CHECK_FALSE(algorithm.name.empty());
    CHECK(algorithm.name.find("wino") == std::string::npos);
  }
}

TEST_CASE("Replaced parameters are packed anew", "[backend_onednn]") {
  Model<Mixed, OneDnn> model(4, 1);
  const Model<Mixed, OneDnn> other(4, 2);
  const auto images = random_values<float>(3 * Traits<Mixed>::input.size(), 6);
  const auto before = predict(model, images);
  model.set_parameters([&](std::span<float> mine) {
    std::copy(other.parameters().begin(), other.parameters().end(), mine.begin());
  });
  CHECK(predict(model, images) == predict(other, images));
  CHECK(predict(model, images) != before);
}

TEST_CASE("A trainer sees parameters that were replaced in its model", "[backend_onednn]") {
  // A frozen convolution behind a dropout: the trainer's own program packs its kernel.
  using Net = Seq<Input<12, 12, 16>, Dropout<0.5>, Freeze<Conv2D<32, 3, Same, Relu>>, GAP, Dense<2, Softmax>>;
  Model<Net, OneDnn> model(4, 1);
  Trainer<Net, OneDnn> trainer(model);
  Model<Net, OneDnn> other(4, 2);
  Trainer<Net, OneDnn> fresh(other);
  const auto features = random_values<float>(4 * Traits<Net>::features.size(), 3);
  const std::array labels{0, 1, 1, 0};
  trainer.gradients_of(features, labels);
  model.set_parameters([&](std::span<float> mine) {
    std::copy(other.parameters().begin(), other.parameters().end(), mine.begin());
  });
  CHECK(trainer.gradients_of(features, labels).loss_sum == fresh.gradients_of(features, labels).loss_sum);
  CHECK(std::equal(trainer.gradients().begin(), trainer.gradients().end(), fresh.gradients().begin()));
}
