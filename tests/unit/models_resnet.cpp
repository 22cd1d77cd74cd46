#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/resnet.hpp>
#include <cxrnet/report/summary.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <array>
#include <iostream>
#include <string>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// The paper's network of 20 layers for 10 classes; its 0.27 million parameters.
using ResNet20 = Seq<ResNetBackbone<3, 16, Input<32, 32, 3>>, GAP, Dense<10, Softmax>>;
static_assert(Traits<ResNet20>::parameter_count == 274'042);
static_assert(Traits<ResNetBackbone<3, 16, Input<32, 32, 3>>>::output == image_dims(8, 8, 64));
static_assert(Traits<ResNetBackbone<1, 4, Input<9, 6, 1>, Frozen>>::output == image_dims(3, 2, 16));

/// What tests/interop/make_resnet.py builds in Keras.
template <class Training = Trainable>
using Small = Seq<ResNetBackbone<1, 3, Input<9, 8, 3>, Training>, GAP, Dense<3, Softmax>>;

// Frozen, a normalisation neither trains nor averages, and the cut is where conv4 starts.
static_assert(Traits<Small<FreezeThrough<3>>>::features == image_dims(5, 4, 6));
static_assert(Traits<Small<FreezeThrough<3>>>::trainable_count == 6 * 12 + 9 * 6 * 12 + 9 * 12 * 12 + 3 * 24 + 12 * 3 + 3);
static_assert(Traits<Small<FreezeThrough<3>>>::gradient_count ==
              Traits<Small<FreezeThrough<3>>>::trainable_count + 3 * 24);
static_assert(Traits<Small<Frozen>>::gradient_count == 12 * 3 + 3);

NamedTensors keras() { return read_safetensors(CXRNET_SOURCE_DIR "/tests/interop/files/resnet.safetensors"); }

const std::vector<float>& values(const NamedTensors& file, const std::string& name) {
  const NamedTensor* tensor = file.find(name);
  if (tensor == nullptr) FAIL("resnet.safetensors has no tensor " << name);
  return tensor->values;
}

template <class Net>
std::vector<float> parameters_of(const NamedTensors& file) {
  std::vector<float> parameters;
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    const auto& tensor = values(file, std::string(info.name.view()));
    REQUIRE(tensor.size() == info.parameter.size());
    parameters.insert(parameters.end(), tensor.begin(), tensor.end());
  }
  return parameters;
}

/// Predictions, loss, gradients and one step of Adam against Keras's, whose names start with `prefix`.
template <class Backend, class Training>
void check_step(const std::string& prefix, double tolerance) {
  using Net = Small<Training>;
  using T = Traits<Net>;
  const NamedTensors file = keras();
  const auto& images = values(file, "images");
  Model<Net, Backend> model(as<typename Backend::scalar>(parameters_of<Net>(file)), 4);
  std::vector<float> features(4 * T::features.size());
  std::vector<float> predictions(4 * T::output.size());
  model.features_of_prepared(images, features);
  model.predict_features(features, predictions);
  CHECK(relative_error(predictions, values(file, "predictions")) < tolerance);

  Trainer<Net, Backend> trainer(model);
  const double loss = trainer.step(features, std::array{0, 1, 2, 0}).loss_sum / 4;
  CHECK(loss == Approx(values(file, prefix + "loss")[0]).epsilon(tolerance));
  for (std::size_t i = 0; i < T::parameters.size(); ++i) {
    const ParameterInfo& info = T::parameters[i];
    const std::string name(info.name.view());
    CAPTURE(name);
    const auto after = model.parameter(static_cast<int>(i));
    const auto& expected = values(file, info.trains || info.averages ? prefix + "after." + name : name);
    CHECK(relative_error(after, expected) < tolerance);
    if (!info.trains) continue;
    CHECK(relative_error(trainer.gradients().subspan(info.gradient, info.parameter.size()),
                         values(file, prefix + "gradient." + name)) < tolerance);
  }
}

template <class Images, class... Stages>
using Stacked = Seq<Images, resnet::Stem<3>, Stages..., GAP, Dense<3, Softmax>>;
using Plain = Stacked<Input<9, 8, 3>, resnet::Stage<2, 1, 3>, resnet::Stage<3, 1, 6>, resnet::Stage<4, 1, 12>>;
using Recomputed = Stacked<Input<9, 8, 3>, Recompute<resnet::Stage<2, 1, 3>>, Recompute<resnet::Stage<3, 1, 6>>,
                           Recompute<resnet::Stage<4, 1, 12>>>;

template <class Net, class Backend>
constexpr std::size_t training_arena = Lowered<Net, Backend, Mode::training>::head_plan.bytes;

template <class Net, class Backend>
auto output_and_gradients() {
  using scalar = typename Backend::scalar;
  using T = Traits<Net>;
  Head<Net, Backend> head(as<scalar>(parameters_of<Net>(keras())), 4);
  const auto output = head.forward(as<scalar>(values(keras(), "images")));
  return std::pair(output, head.backward(random_values<scalar>(4 * T::output.size(), 5)));
}

}  // namespace

TEST_CASE("ResNet's layers are named as Keras's, its shortcuts too", "[models_resnet]") {
  const Description network = description_of<Small<>>;
  std::vector<std::string> named;
  for (const LayerInfo& layer : network.layers) {
    if (layer.name.view().starts_with("conv3")) named.emplace_back(layer.name.view());
  }
  CHECK(named == std::vector<std::string>{"conv3_block1_0_conv", "conv3_block1_0_bn", "conv3_block1_1_conv",
                                          "conv3_block1_1_bn", "conv3_block1_1_relu", "conv3_block1_2_conv",
                                          "conv3_block1_2_bn", "conv3_block1_out"});
  CHECK(network.layers[1].group == "backbone");
  CHECK(network.layers.back().group == "head");
  // Everything but the moving averages trains.
  CHECK(network.parameter_count - network.trainable_count == 2 * (3 * 3 + 3 * 6 + 3 * 12));
}

TEST_CASE("ResNet's summary has Keras's totals", "[models_resnet]") {
  const std::string text = summary(description_of<ResNet20>);
  CHECK(text.find("Total params: 274,042 (1.05 MB)") != std::string::npos);
  CHECK(text.find("Trainable params: 272,474 (1.04 MB)") != std::string::npos);
  CHECK(text.find("\nconv4_block3_2_bn ") != std::string::npos);
}

TEST_CASE("ResNet predicts and trains one step as Keras does", "[models_resnet]") {
  check_step<Reference<double>, Trainable>("all.", 3e-5);
  check_step<Reference<double>, FreezeThrough<3>>("conv4.", 3e-5);
}

TEST_CASE("ResNet on oneDNN predicts and trains one step as Keras does", "[models_resnet]") {
  check_step<OneDnn, Trainable>("all.", 1e-3);
  check_step<OneDnn, FreezeThrough<3>>("conv4.", 1e-3);
}

TEST_CASE("ResNet has the gradients of central differences", "[models_resnet]") {
  CHECK(gradient_error<Seq<ResNetBackbone<1, 2, Input<5, 4, 1>>, GAP, Dense<2>>>() < 1e-5);
}

TEST_CASE("Stages computed again give ResNet's gradients to the bit, in a smaller arena", "[models_resnet]") {
  CHECK(output_and_gradients<Plain, Reference<float>>() == output_and_gradients<Recomputed, Reference<float>>());
  CHECK(output_and_gradients<Plain, OneDnn>() == output_and_gradients<Recomputed, OneDnn>());
  STATIC_REQUIRE(training_arena<Recomputed, Reference<float>> < training_arena<Plain, Reference<float>>);
  STATIC_REQUIRE(training_arena<Recomputed, OneDnn> < training_arena<Plain, OneDnn>);
}
