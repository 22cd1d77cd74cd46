#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/isolated.hpp>
#include <cxrnet/io/keras_config.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet::detail {

inline constexpr std::string_view keras_version = "3.15.0";  // the Keras whose layouts these are

/// Our metadata, into an attribute that Keras ignores.
inline void write_keras_metadata(hdf5::Writer& file, const NamedTensors& weights) {
  if (weights.metadata.empty()) return;
  using Json = nlohmann::json;
  file.text("/", "cxrnet", Json(weights.metadata).dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// The model as `model.save` lays it out in an .h5: its layers' graph, training settings and weights.
inline void write_keras_model(hdf5::Writer& file, const KerasModel& model, const NamedTensors& weights) {
  const std::string keras(keras_version), backend = "tensorflow", root = "/model_weights";
  const std::vector<KerasNode> nodes = keras_graph(model);
  file.text("/", "keras_version", keras);
  file.text("/", "backend", backend);
  file.text("/", "model_config", keras_model_config(model, KerasFormat::h5).dump());
  if (model.training) {
    file.text("/", "training_config", keras_training_config(*model.training, KerasFormat::h5).dump());
  }
  write_keras_metadata(file, weights);

  std::vector<std::string> layer_names;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const KerasLayer& layer = model.layers[i];
    layer_names.push_back(layer.name);
    const std::string group = root + "/" + layer.name;
    file.group(group);
    std::vector<std::string> weight_names;
    for (const auto& [variable, dims] : keras_variables(layer, nodes[i].in)) {
      weight_names.push_back(layer.name + "/" + variable);
      file.tensor(group + "/" + weight_names.back(), dims,
                  keras_weight(weights, layer.name + "." + variable, dims).values);
    }
    file.texts(group, "weight_names", weight_names);
  }
  file.texts(root, "layer_names", layer_names);
  file.text(root, "backend", backend);
  file.text(root, "keras_version", keras);
  file.group(root + "/top_level_model_weights");
  file.texts(root + "/top_level_model_weights", "weight_names", {});
}

}  // namespace cxrnet::detail
