#include <cxrnet/augment/flip.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"
#include "quoted.hpp"

#include <limits>
#include <memory>

using namespace cxrnet;
using namespace cxrnet::test;

namespace cxrnet {

// Compiled once, below: every ClassifierOf of this file shares it.
using Shared = Seq<Input<6, 5, 3>, Freeze<Conv2D<4, 3, Relu>>, GAP, Dense<2, Softmax>>;
extern template class ClassifierCore<Shared, Reference<float>>;

}  // namespace cxrnet

namespace {

// example-begin
/// Three findings that may go together; the last convolution before them learns at a tenth of the rate.
using Findings = Seq<Input<6, 5, 3>, Freeze<Conv2D<4, 3, Relu>>, Group<"backbone", Conv2D<4, 3, Relu>>, GAP,
                     Dense<3, Sigmoid>>;

std::unique_ptr<Classifier> findings(std::vector<float> parameters) {
  auto net = std::make_unique<ClassifierOf<Findings, Reference<float>, NoAugment, AdamW, BinaryCrossentropy>>(
      std::move(parameters), /*capacity=*/4, /*seed=*/7, AdamW{.learning_rate = 0.02, .decays = Decays::kernels},
      BinaryCrossentropy{.label_smoothing = 0.05}, Clip{ClipBy::global_norm, 1.0});
  net->set_group_rate("backbone", 0.1);
  return net;
}
// example-end

using Net = Shared;
template <class Augmentation = NoAugment>
using Of = ClassifierOf<Net, Reference<float>, Augmentation>;
}  // namespace

TEST_CASE("A classifier says what its types are", "[train_classifier]") {
  const Of<> net(initial_parameters<Net>(3), 7);
  CHECK(&net.description() == &description_of<Net>);
  CHECK(net.backend() == "reference-f32");
  CHECK(net.capacity() == 7);
  CHECK(net.static_images());
  CHECK_FALSE(Of<Augment<FlipHorizontal>>(initial_parameters<Net>(3), 7).static_images());
  CHECK(net.fused().size() == 7);
  CHECK(net.memory().gradients == 10 * sizeof(float));
  CHECK(net.memory().optimizer == 2 * net.memory().gradients);
  CHECK(net.learning_rate() == Adam{}.learning_rate);
}

TEST_CASE("A classifier's steps lower the loss and leave what is frozen", "[train_classifier]") {
  const auto start = initial_parameters<Net>(3);
  Of<> net(start, 4);
  std::vector<float> features(4 * 4);
  net.features(random_values<float>(4 * 90, 1), features, nullptr);
  const std::vector<float> targets{1, 0, 0, 1, 0, 1, 0, 1};
  const double before = net.step(features, targets).loss_sum;
  double after = before;
  for (int i = 0; i < 50; ++i) after = net.step(features, targets).loss_sum;
  CHECK(after < before);
  CHECK(std::equal(start.begin(), start.begin() + 112, net.parameters().begin()));
  CHECK_FALSE(std::equal(start.begin() + 112, start.end(), net.parameters().begin() + 112));
  net.set_parameters(start);
  CHECK(net.step(features, targets).loss_sum == before);
  CHECK(has(message_of<ArgumentError>([&] { net.set_parameters(std::span(start).first(121)); }), "exactly"));
}

TEST_CASE("A classifier is of its optimiser and its loss", "[train_classifier]") {
  const Of<> plain(initial_parameters<Net>(3), 4);
  CHECK(plain.optimizer_name() == "adam");
  CHECK(plain.loss_name() == "categorical_crossentropy");
  const auto net = findings(initial_parameters<Findings>(3));
  CHECK(net->optimizer_name() == "adamw");
  CHECK(net->loss_name() == "binary_crossentropy");
  CHECK(net->learning_rate() == 0.02);
  CHECK(net->memory().optimizer == 2 * (4 * 4 * 9 + 4 + 15) * sizeof(float));

  // Its score is by its own loss: smoothed, so that a certain answer is not free.
  const std::vector<float> probabilities{1, 0, 0.25F};
  const std::vector<float> targets{1, 0, 0};
  const StepResult result = net->score(probabilities, targets);
  CHECK(result.loss_sum == BinaryCrossentropy{.label_smoothing = 0.05}.value<float>(probabilities, targets));
  CHECK(result.correct == 1);
  CHECK(has(message_of<ArgumentError>([&] { (void)net->score(probabilities, std::span(targets).first(2)); }), "3 prob"));
  CHECK(has(message_of<ArgumentError>([&] { (void)net->score(std::vector<float>(4), std::vector<float>(4)); }), "3 prob"));
}

TEST_CASE("Findings that go together are learnt together", "[train_classifier]") {
  const auto net = findings(initial_parameters<Findings>(3));
  std::vector<float> features(4 * net->description().features.size());
  net->features(random_values<float>(4 * 90, 1), features, nullptr);
  const std::vector<float> targets{1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1};
  const double before = net->step(features, targets).loss_sum;
  for (int i = 0; i < 600; ++i) net->step(features, targets);
  CHECK(net->step(features, targets).loss_sum < 0.8 * before);
}

TEST_CASE("A learning rate may be set while training goes on", "[train_classifier]") {
  Of<> net(initial_parameters<Net>(3), 4);
  const auto features = random_values<float>(16, 1);
  const std::vector<float> targets{1, 0, 0, 1, 0, 1, 0, 1};
  const auto start = std::vector<float>(net.parameters().begin(), net.parameters().end());
  net.set_learning_rate(0);
  net.step(features, targets);
  CHECK(std::equal(start.begin(), start.end(), net.parameters().begin()));
  net.set_learning_rate(0.25);
  CHECK(net.learning_rate() == 0.25);
  net.step(features, targets);
  CHECK(std::abs(net.parameters().back() - start.back()) > 0.1F);  // Adam's first steps are about the rate
  for (const double rate : {-0.1, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(net.set_learning_rate(rate), ArgumentError);
  }
  CHECK(net.learning_rate() == 0.25);
  CHECK(has(message_of<ArgumentError>([&] { net.set_group_rate("backbone", 1); }), "those that do are 'head'"));
}

TEST_CASE("A classifier goes on from its parameters, state and steps", "[train_classifier]") {
  const auto features = random_values<float>(16, 1);
  const std::vector<float> targets{1, 0, 0, 1, 0, 1, 0, 1};
  const auto list = [](std::span<const float> values) { return std::vector<float>(values.begin(), values.end()); };
  Of<> net(initial_parameters<Net>(3), 4);
  net.step(features, targets);
  net.step(features, targets);
  const auto parameters = list(net.parameters());
  const auto state = list(net.optimizer_state());
  CHECK(state.size() == 20);
  net.step(features, targets);

  Of<> later(initial_parameters<Net>(4), 4);
  const auto refused = [&](std::span<const float> p, std::span<const float> s) {
    const auto before = std::pair(list(later.parameters()), list(later.optimizer_state()));
    const std::string said = message_of<ArgumentError>([&] { later.restore(p, s, 2); });
    CHECK(std::pair(list(later.parameters()), list(later.optimizer_state())) == before);
    CHECK(later.steps() == 0);
    return said;
  };
  CHECK(has(refused(std::span(parameters).first(121), state), "122, not 121"));
  CHECK(has(refused(parameters, std::span(state).first(10)), "has 20 numbers, 10 were given"));
  later.restore(parameters, state, 2);
  later.step(features, targets);
  CHECK(list(later.parameters()) == list(net.parameters()));
  CHECK(list(later.optimizer_state()) == list(net.optimizer_state()));
  CHECK(later.steps() == 3);
}

TEST_CASE("docs/training.md quotes this file", "[train_classifier]") {
  CHECK(doc_quotes("training.md", "train_classifier.cpp"));
}

template class cxrnet::ClassifierCore<cxrnet::Shared, cxrnet::Reference<float>>;
