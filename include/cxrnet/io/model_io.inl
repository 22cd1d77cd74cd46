// What model_io.hpp declares.
#include <cxrnet/core/error.hpp>
#include <cxrnet/io/flattened_map.hpp>
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_h5_writer.hpp>
#include <cxrnet/io/layouts.hpp>
#include <cxrnet/io/match.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/safetensors.hpp>

#include <algorithm>
#include <utility>

namespace cxrnet {

CXRNET_INLINE std::vector<std::size_t> dims_of(const Parameter& parameter) {
  std::vector<std::size_t> dims;
  for (int axis = 0; axis < parameter.rank; ++axis) {
    dims.push_back(static_cast<std::size_t>(parameter.dims[static_cast<std::size_t>(axis)]));
  }
  return dims;
}

CXRNET_INLINE NamedTensors name_parameters(const Description& network, std::span<const float> parameters,
                                    std::map<std::string, std::string> metadata, Scales scales) {
  NamedTensors tensors;
  for (const ParameterInfo& info : network.parameters) {
    if (scales == Scales::leave_out && is_activation_scale(info.parameter)) continue;
    const auto values = parameters.subspan(info.offset, info.parameter.size());
    tensors.tensors.push_back(
        {std::string(info.name.view()), dims_of(info.parameter), {values.begin(), values.end()}});
  }
  tensors.metadata = std::move(metadata);
  return tensors;
}

CXRNET_INLINE std::vector<std::string> take_parameters(const Description& network, const NamedTensors& file,
                                                const std::string& name, Which which, std::span<float> parameters) {
  std::vector<WantedTensor> wanted;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const ParameterInfo& info = network.parameters[i];
    const LayerInfo& layer = network.layers[static_cast<std::size_t>(info.layer)];
    if (which == Which::backbone && layer.group != "backbone") continue;
    if (is_activation_scale(info.parameter)) {
      const NamedTensor* const scale = file.find(info.name.view());
      if (scale == nullptr) continue;
      if (scale->dims != dims_of(info.parameter)) {
        throw FormatError("'" + name + "' has scales of another shape, " + shown(scale->name) + " " + dims_text(scale->dims) +
                          ": calibrate the model again.");
      }
      std::ranges::copy(scale->values, parameters.begin() + static_cast<std::ptrdiff_t>(info.offset));
      continue;
    }
    wanted.push_back({std::string(info.name.view()), dims_of(info.parameter)});
    indices.push_back(i);
  }
  const auto found = match(wanted, file, name, which == Which::all ? Extras::refuse : Extras::ignore);
  std::vector<std::string> names;
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const NamedTensor& tensor = *found[k];
    const auto target = parameters.begin() + static_cast<std::ptrdiff_t>(network.parameters[indices[k]].offset);
    const Dims map = tensor.map_order == MapOrder::channel_height_width ? flattened_map(network, indices[k]) : Dims{};
    if (map.is_image()) {
      const auto area = static_cast<std::size_t>(map.height * map.width);
      std::ranges::copy(detail::from_channels_first(tensor.values, area, static_cast<std::size_t>(map.channels)), target);
    } else {
      std::ranges::copy(tensor.values, target);
    }
    names.push_back(tensor.name);
  }
  return names;
}

/// Keras's name of an activation.
constexpr const char* keras_name_of(op::Activation activation) {
  switch (activation) {
    case op::Activation::none: break;
    case op::Activation::relu: return "relu";
    case op::Activation::softmax: return "softmax";
    case op::Activation::sigmoid: return "sigmoid";
  }
  return "linear";
}

CXRNET_INLINE KerasModel keras_model_of(const Description& network) {
  KerasModel model;
  const auto size = [](int extent) { return static_cast<std::size_t>(extent); };
  std::map<int, std::string> giver;  // of each value
  for (std::size_t index = 0; index < network.layers.size(); ++index) {
    const LayerInfo& info = network.layers[index];
    KerasLayer layer;
    layer.name = std::string(info.name.view());
    layer.trainable = info.parameter_count == 0 || info.trains;
    layer.use_bias = false;
    if (info.kind == "input_layer") {
      layer.class_name = "InputLayer";
      layer.input_shape = {size(info.out.height), size(info.out.width), size(info.out.channels)};
    }
    for (const op::Operation& o : network.operations) {
      if (o.layer != static_cast<int>(index)) continue;
      if (layer.inputs.empty()) {
        for (int i = 0; i < o.input_count(); ++i) layer.inputs.push_back(giver.at(o.inputs[size(i)]));
      }
      switch (o.kind) {
        case op::Kind::convolution:
        case op::Kind::max_pool:
          layer.class_name = o.kind == op::Kind::convolution ? "Conv2D" : "MaxPooling2D";
          layer.units = o.kind == op::Kind::convolution ? size(o.out.channels) : 0;
          layer.kernel = {size(o.window.height), size(o.window.width)};
          layer.strides = {size(o.window.stride), size(o.window.stride)};
          layer.padding = o.window.pad_bottom + o.window.pad_right > 0 ? "same" : "valid";
          break;
        case op::Kind::dense:
          layer.class_name = "Dense";
          layer.units = size(o.out.channels);
          break;
        case op::Kind::activation:
          if (layer.class_name.empty()) layer.class_name = "Activation";
          layer.activation = keras_name_of(o.activation);
          break;
        case op::Kind::global_average_pool: layer.class_name = "GlobalAveragePooling2D"; break;
        case op::Kind::flatten: layer.class_name = "Flatten"; break;
        case op::Kind::dropout:
          layer.class_name = "Dropout";
          layer.rate = o.rate;
          break;
        case op::Kind::batch_norm:
          layer.class_name = "BatchNormalization";
          layer.epsilon = o.epsilon;
          layer.momentum = network.parameters[size(o.first_parameter + 2)].parameter.momentum;
          break;
        case op::Kind::add: layer.class_name = "Add"; break;
        case op::Kind::bias: layer.use_bias = true; break;
        case op::Kind::custom:
          throw FormatError("The layer " + layer.name + " is one of yours, which Keras does not know: save safetensors instead.");
      }
    }
    if (layer.class_name.empty()) continue;  // where a residual block starts
    giver[info.value] = layer.name;
    model.layers.push_back(std::move(layer));
  }
  const op::Activation last = network.operations.back().activation;
  const bool classes = network.operations.back().kind == op::Kind::activation && network.output.is_vector();
  if (classes && last == op::Activation::softmax) model.training = KerasTraining{};
  if (classes && last == op::Activation::sigmoid) model.training = KerasTraining{.loss = "binary_crossentropy"};
  return model;
}

CXRNET_INLINE void save_model(const std::filesystem::path& file, const Description& network, std::span<const float> parameters,
                       std::map<std::string, std::string> metadata) {
  metadata["preprocess"] = network.preprocess;
  const std::string extension = file.extension().string();
  const op::Precision precision = network.layers.front().precision;
  metadata.erase("precision");
  if (extension == ".safetensors" && precision != op::Precision::float32) metadata["precision"] = name_of(precision);
  const NamedTensors tensors = name_parameters(network, parameters, std::move(metadata),
                                               extension == ".safetensors" ? Scales::keep : Scales::leave_out);
  if (extension == ".safetensors") return write_safetensors(file, tensors);
  if (extension == ".keras") return write_keras(file, keras_model_of(network), tensors);
  if (extension == ".h5" || extension == ".hdf5") return write_keras_h5(file, keras_model_of(network), tensors);
  throw ArgumentError("A model is written as .safetensors, .keras or .h5, not as '" + file.string() +
                      "'; for .onnx there is write_onnx in <cxrnet/io/onnx.hpp>.");
}

}  // namespace cxrnet
