#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <cxrnet/io/keras_model.hpp>

// What Keras 3 writes into the JSON of its files, and what its archives call their members.
namespace cxrnet::detail {

inline constexpr const char* keras_metadata_member = "metadata.json";
inline constexpr const char* keras_config_member = "config.json";
inline constexpr const char* keras_weights_member = "model.weights.h5";

/// A class's name as Keras calls its objects: "max_pooling2d" of "MaxPooling2D".
[[nodiscard]] inline std::string keras_snake_case(std::string_view name) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool starts_word =
        upper(name[i]) && i > 0 && (lower(name[i - 1]) || (i + 1 < name.size() && lower(name[i + 1])));
    if (starts_word) text += '_';
    text += upper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return text;
}

/// Numbers objects of one kind as the groups of a `.weights.h5` are: "conv2d", "conv2d_1", ...
class KerasCounter {
 public:
  [[nodiscard]] std::string next(std::string_view class_name) {
    const std::string name = keras_snake_case(class_name);
    const int before = count_[name]++;
    return before == 0 ? name : name + "_" + std::to_string(before);
  }

 private:
  std::map<std::string, int> count_;
};

[[nodiscard]] inline nlohmann::ordered_json batched(const Sizes& shape) {
  nlohmann::ordered_json list = {nullptr};
  for (const std::size_t size : shape) list.push_back(size);
  return list;
}

/// The layer's own part of the configuration.
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
  if (layer.has_kernel()) config["use_bias"] = layer.use_bias;
  if (layer.has_kernel() || kind == "Activation") config["activation"] = layer.activation;
  if (kind == "Dropout") config["rate"] = layer.rate;
  if (kind == "BatchNormalization") {
    config.update(
        {{"axis", -1}, {"momentum", layer.momentum}, {"epsilon", layer.epsilon}, {"center", true}, {"scale", true}});
  }
  if (kind == "GlobalAveragePooling2D") config["keepdims"] = false;
  if (kind == "Conv2D" || kind == "MaxPooling2D" || kind == "GlobalAveragePooling2D" || kind == "Flatten") {
    config["data_format"] = "channels_last";
  }
  return config;
}

/// Keras 3's configuration of a Functional model: `model_config` of an .h5, or the body of a .keras's config.json.
/// Throws ArgumentError where the layers make no network.
[[nodiscard]] inline nlohmann::ordered_json keras_model_config(const KerasModel& model, KerasFormat format) {
  using Json = nlohmann::ordered_json;
  const std::vector<KerasNode> nodes = keras_graph(model);
  Json layers = Json::array();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const KerasLayer& layer = model.layers[i];
    Json tensors = Json::array();
    for (const std::size_t input : nodes[i].inputs) {
      tensors.push_back({{"class_name", "__keras_tensor__"},
                         {"config",
                          {{"shape", batched(nodes[input].out)},
                           {"dtype", "float32"},
                           {"keras_history", Json::array({model.layers[input].name, 0, 0})}}}});
    }
    Json inbound = Json::array();  // one call; Add takes its inputs as one list
    if (tensors.size() > 1) tensors = Json::array({tensors});
    if (!tensors.empty()) inbound.push_back({{"args", tensors}, {"kwargs", Json::object()}});
    Json entry = {{"class_name", layer.class_name}, {"config", keras_layer_config(layer)}};
    if (format == KerasFormat::keras) entry.update({{"module", "keras.layers"}, {"registered_name", nullptr}});
    entry.update({{"name", layer.name}, {"inbound_nodes", inbound}});
    layers.push_back(entry);
  }
  const Json config = {{"name", model.name},
                       {"trainable", true},
                       {"layers", layers},
                       {"input_layers", Json::array({model.layers.front().name, 0, 0})},
                       {"output_layers", Json::array({model.layers.back().name, 0, 0})}};
  return {{"class_name", "Functional"}, {"config", config}};
}

/// Keras 3's `training_config` of an .h5, or `compile_config` of a .keras: Adam with Keras's defaults, accuracy as
/// metric.
[[nodiscard]] inline nlohmann::ordered_json keras_training_config(const KerasTraining& training, KerasFormat format) {
  using Json = nlohmann::ordered_json;
  const Json adam = {{"name", "adam"},   {"learning_rate", training.learning_rate},
                     {"beta_1", 0.9},    {"beta_2", 0.999},
                     {"epsilon", 1e-07}, {"amsgrad", false}};
  Json optimizer = {{"class_name", "Adam"}, {"config", adam}};
  if (format == KerasFormat::keras) optimizer.update({{"module", "keras.optimizers"}, {"registered_name", nullptr}});
  return {{"loss", training.loss},
          {"loss_weights", nullptr},
          {"metrics", {"accuracy"}},
          {"weighted_metrics", nullptr},
          {"run_eagerly", false},
          {"steps_per_execution", 1},
          {"jit_compile", false},
          {format == KerasFormat::keras ? "optimizer" : "optimizer_config", optimizer}};
}

}  // namespace cxrnet::detail
