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

using namespace cxrnet;
using namespace cxrnet::test;

namespace {
using Net = Seq<Input<6, 5, 3>, Freeze<Conv2D<4, 3, Relu>>, GAP, Dense<2, Softmax>>;
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
