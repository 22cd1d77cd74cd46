#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/keras_model.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet {

/// Writes an .h5 as Keras 3's `model.save` does, whole or not at all: `keras.models.load_model` opens it. `weights` holds
/// "<layer>.kernel" and "<layer>.bias" of each Conv2D and Dense; its metadata go into an attribute that Keras ignores.
/// Keras's model takes prepared images, as the reference's does. Throws ArgumentError where layers and weights disagree,
/// FileError where the file cannot be written.
inline void write_keras_h5(const std::filesystem::path& path, const KerasModel& model, const NamedTensors& weights) {
  const std::string keras_version = "3.15.0", backend = "tensorflow";  // the Keras whose layout this is
  const std::string config = detail::keras_model_config(model), root = "/model_weights";
  hdf5::Writer file;
  file.text("/", "keras_version", keras_version);
  file.text("/", "backend", backend);
  file.text("/", "model_config", config);
  if (model.training) file.text("/", "training_config", detail::keras_training_config(*model.training));
  if (!weights.metadata.empty()) {
    using Json = nlohmann::json;
    file.text("/", "cxrnet", Json(weights.metadata).dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  std::vector<std::string> layer_names;
  std::set<std::string> taken;
  detail::Sizes shape;
  for (const KerasLayer& layer : model.layers) {
    if (layer.name.empty() || layer.name.find('/') != std::string::npos || !taken.insert(layer.name).second) {
      throw ArgumentError("the Keras layer name '" + layer.name + "' is empty, taken or has a slash");
    }
    layer_names.push_back(layer.name);
    const std::string group = root + "/" + layer.name;
    file.group(group);
    std::vector<std::string> weight_names;
    for (const detail::Sizes& dims : detail::keras_weight_shapes(layer, shape)) {
      const std::string variable = weight_names.empty() ? "kernel" : "bias";
      const NamedTensor* tensor = weights.find(layer.name + "." + variable);
      if (tensor == nullptr || tensor->dims != dims || element_count(dims) != tensor->values.size()) {
        throw ArgumentError("the weights have no tensor " + layer.name + "." + variable + " of shape " +
                            dims_text(dims));
      }
      weight_names.push_back(layer.name + "/" + variable);
      file.tensor(group + "/" + weight_names.back(), dims, tensor->values);
    }
    file.texts(group, "weight_names", weight_names);
    shape = detail::keras_output_shape(layer, shape);
  }
  file.texts(root, "layer_names", layer_names);
  file.text(root, "backend", backend);
  file.text(root, "keras_version", keras_version);
  file.group(root + "/top_level_model_weights");
  file.texts(root + "/top_level_model_weights", "weight_names", {});
  file.save(path);
}

}  // namespace cxrnet
