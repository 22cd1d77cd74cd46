#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet {

/// One layer of a chain as Keras describes it; fields that its class does not have are ignored.
struct KerasLayer {
  /// InputLayer, Conv2D, MaxPooling2D, GlobalAveragePooling2D, Flatten, Dense, Dropout or Activation.
  std::string class_name;
  std::string name;                         ///< unique; its weights are "<name>.kernel" and "<name>.bias"
  std::vector<std::size_t> input_shape;     ///< InputLayer: without the batch
  std::size_t units = 0;                    ///< Conv2D: filters; Dense: units
  std::array<std::size_t, 2> kernel{1, 1};  ///< Conv2D: height, width; MaxPooling2D: pool size
  std::array<std::size_t, 2> strides{1, 1};
  std::string padding = "valid";      ///< or "same"
  std::string activation = "linear";  ///< Conv2D, Dense, Activation: any of Keras's names
  double rate = 0.0;                  ///< Dropout: the part that is dropped
  bool trainable = true;

  [[nodiscard]] bool has_weights() const { return class_name == "Conv2D" || class_name == "Dense"; }
};

/// What `model.compile` was given, so that a loaded model can be evaluated and trained on.
struct KerasTraining {
  std::string loss = "categorical_crossentropy";
  double learning_rate = 0.001;  ///< of Adam
};

/// A chain of layers, an InputLayer first.
struct KerasModel {
  std::string name = "cxrnet";
  std::vector<KerasLayer> layers;
  std::optional<KerasTraining> training;
};

namespace detail {

using Sizes = std::vector<std::size_t>;

/// A layer's output shape, without the batch, by Keras's rules. Throws ArgumentError where the layer cannot follow.
[[nodiscard]] inline Sizes keras_output_shape(const KerasLayer& layer, const Sizes& in) {
  const auto bad = [&](const std::string& why) {
    throw ArgumentError("the Keras layer " + layer.name + " (" + layer.class_name + ") " + why);
  };
  const auto need_rank = [&](std::size_t rank) {
    if (in.size() != rank) bad("cannot follow an output of shape " + dims_text(in));
  };
  const auto slide = [&](std::size_t axis) {
    const std::size_t size = in[axis], window = layer.kernel[axis], step = layer.strides[axis];
    if (step == 0 || window == 0) bad("has a window or stride of zero");
    if (layer.padding == "same") return (size + step - 1) / step;
    if (layer.padding != "valid") bad("has an unknown padding");
    if (window > size) bad("has a window larger than its input");
    return (size - window) / step + 1;
  };
  const std::string& kind = layer.class_name;
  if (kind == "InputLayer") return layer.input_shape;
  if (kind == "Dropout" || kind == "Activation") return in;
  if (kind == "Dense") {
    need_rank(1);
    return {layer.units};
  }
  if (kind == "Flatten") return {element_count(in).value()};
  if (kind != "Conv2D" && kind != "MaxPooling2D" && kind != "GlobalAveragePooling2D") bad("is of an unknown class");
  need_rank(3);
  if (kind == "GlobalAveragePooling2D") return {in[2]};
  return {slide(0), slide(1), kind == "Conv2D" ? layer.units : in[2]};
}

/// The shapes of a layer's kernel and bias, in that order; empty where it has none.
[[nodiscard]] inline std::vector<Sizes> keras_weight_shapes(const KerasLayer& layer, const Sizes& in) {
  if (layer.class_name == "Conv2D") return {{layer.kernel[0], layer.kernel[1], in[2], layer.units}, {layer.units}};
  if (layer.class_name == "Dense") return {{in[0], layer.units}, {layer.units}};
  return {};
}

[[nodiscard]] inline nlohmann::ordered_json batched(const Sizes& shape) {
  nlohmann::ordered_json list = {nullptr};
  for (const std::size_t size : shape) list.push_back(size);
  return list;
}

/// The layer's own part of `model_config`.
[[nodiscard]] inline nlohmann::ordered_json keras_layer_config(const KerasLayer& layer) {
  const std::string& kind = layer.class_name;
  nlohmann::ordered_json config = {{"name", layer.name}, {"dtype", "float32"}};
  if (kind == "InputLayer") {
    config["batch_shape"] = batched(layer.input_shape);
    config["sparse"] = false;
    return config;
  }
  config["trainable"] = layer.trainable;
  if (kind == "Conv2D") {
    config.update({{"filters", layer.units}, {"kernel_size", layer.kernel}, {"dilation_rate", {1, 1}}, {"groups", 1}});
  }
  if (kind == "MaxPooling2D") config["pool_size"] = layer.kernel;
  if (kind == "Conv2D" || kind == "MaxPooling2D") {
    config.update({{"strides", layer.strides}, {"padding", layer.padding}});
  }
  if (kind == "Dense") config["units"] = layer.units;
  if (layer.has_weights()) config["use_bias"] = true;
  if (layer.has_weights() || kind == "Activation") config["activation"] = layer.activation;
  if (kind == "Dropout") config["rate"] = layer.rate;
  if (kind == "GlobalAveragePooling2D") config["keepdims"] = false;
  if (kind != "Dense" && kind != "Dropout" && kind != "Activation") config["data_format"] = "channels_last";
  return config;
}

/// Keras 3's `model_config` of a Functional model. Throws ArgumentError where the layers do not make a chain.
[[nodiscard]] inline std::string keras_model_config(const KerasModel& model) {
  using Json = nlohmann::ordered_json;
  if (model.layers.empty() || model.layers.front().class_name != "InputLayer") {
    throw ArgumentError("a Keras model begins with an InputLayer");
  }
  Json layers = Json::array();
  Sizes shape;
  const KerasLayer* before = nullptr;
  for (const KerasLayer& layer : model.layers) {
    if (before != nullptr && layer.class_name == "InputLayer") throw ArgumentError("a chain has one InputLayer");
    Json nodes = Json::array();
    if (before != nullptr) {
      const Json tensor = {{"class_name", "__keras_tensor__"},
                           {"config",
                            {{"shape", batched(shape)},
                             {"dtype", "float32"},
                             {"keras_history", Json::array({before->name, 0, 0})}}}};
      nodes.push_back({{"args", Json::array({tensor})}, {"kwargs", Json::object()}});
    }
    layers.push_back({{"class_name", layer.class_name},
                      {"config", keras_layer_config(layer)},
                      {"name", layer.name},
                      {"inbound_nodes", nodes}});
    shape = keras_output_shape(layer, shape);
    before = &layer;
  }
  const Json config = {{"name", model.name},
                       {"trainable", true},
                       {"layers", layers},
                       {"input_layers", Json::array({model.layers.front().name, 0, 0})},
                       {"output_layers", Json::array({before->name, 0, 0})}};
  return Json{{"class_name", "Functional"}, {"config", config}}.dump();
}

/// Keras 3's `training_config`: Adam with Keras's defaults, accuracy as metric.
[[nodiscard]] inline std::string keras_training_config(const KerasTraining& training) {
  using Json = nlohmann::ordered_json;
  const Json adam = {{"name", "adam"},   {"learning_rate", training.learning_rate},
                     {"beta_1", 0.9},    {"beta_2", 0.999},
                     {"epsilon", 1e-07}, {"amsgrad", false}};
  return Json{{"loss", training.loss},
              {"loss_weights", nullptr},
              {"metrics", {"accuracy"}},
              {"weighted_metrics", nullptr},
              {"run_eagerly", false},
              {"steps_per_execution", 1},
              {"jit_compile", false},
              {"optimizer_config", {{"class_name", "Adam"}, {"config", adam}}}}
      .dump();
}

}  // namespace detail

}  // namespace cxrnet
