#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet {

/// One layer of a model as Keras describes it; fields that its class does not have are ignored.
struct KerasLayer {
  /// InputLayer, Conv2D, MaxPooling2D, GlobalAveragePooling2D, Flatten, Dense, Dropout, Activation, BatchNormalization
  /// or Add.
  std::string class_name;
  std::string name;                         ///< unique; its weights are "<name>.kernel", "<name>.bias", ...
  std::vector<std::string> inputs{};        ///< names of the layers that feed it; none: the layer before it
  std::vector<std::size_t> input_shape{};   ///< InputLayer: without the batch
  std::size_t units = 0;                    ///< Conv2D: filters; Dense: units
  std::array<std::size_t, 2> kernel{1, 1};  ///< Conv2D: height, width; MaxPooling2D: pool size
  std::array<std::size_t, 2> strides{1, 1};
  std::string padding = "valid";      ///< or "same"
  std::string activation = "linear";  ///< Conv2D, Dense, Activation: any of Keras's names
  bool use_bias = true;               ///< Conv2D, Dense
  double rate = 0.0;                  ///< Dropout: the part that is dropped
  double momentum = 0.99;             ///< BatchNormalization
  double epsilon = 0.001;             ///< BatchNormalization
  bool trainable = true;

  [[nodiscard]] bool has_kernel() const { return class_name == "Conv2D" || class_name == "Dense"; }
};

/// What `model.compile` was given, so that a loaded model can be evaluated and trained on.
struct KerasTraining {
  std::string loss = "categorical_crossentropy";
  double learning_rate = 0.001;  ///< of Adam
};

/// Layers in an order in which each comes after those that feed it, an InputLayer first; the last one's is the output.
struct KerasModel {
  std::string name = "cxrnet";
  std::vector<KerasLayer> layers;
  std::optional<KerasTraining> training;
};

/// The two files that `model.save` writes: they describe layers with other keys.
enum class KerasFormat { h5, keras };

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
  if (kind == "Dropout" || kind == "Activation" || kind == "BatchNormalization" || kind == "Add") return in;
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

/// A layer's variables and their shapes in Keras's order; empty where it has none.
[[nodiscard]] inline std::vector<std::pair<std::string, Sizes>> keras_variables(const KerasLayer& layer,
                                                                                const Sizes& in) {
  std::vector<std::pair<std::string, Sizes>> variables;
  if (layer.class_name == "Conv2D") variables = {{"kernel", {layer.kernel[0], layer.kernel[1], in[2], layer.units}}};
  if (layer.class_name == "Dense") variables = {{"kernel", {in[0], layer.units}}};
  if (layer.has_kernel() && layer.use_bias) variables.push_back({"bias", {layer.units}});
  if (layer.class_name == "BatchNormalization") {
    for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance"}) {
      variables.push_back({name, {in.back()}});
    }
  }
  return variables;
}

/// A layer's place among the others: the numbers of those that feed it, the shape that they give and its own.
struct KerasNode {
  std::vector<std::size_t> inputs;
  Sizes in, out;
};

/// Throws ArgumentError where the layers make no network.
[[nodiscard]] inline std::vector<KerasNode> keras_graph(const KerasModel& model) {
  if (model.layers.empty() || model.layers.front().class_name != "InputLayer") {
    throw ArgumentError("a Keras model begins with an InputLayer");
  }
  std::vector<KerasNode> nodes;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const KerasLayer& layer = model.layers[i];
    const auto number = [&](const std::string& name) {
      const auto at =
          std::find_if(model.layers.begin(), model.layers.end(), [&](const auto& l) { return l.name == name; });
      return static_cast<std::size_t>(at - model.layers.begin());
    };
    if (layer.name.empty() || layer.name.find('/') != std::string::npos || number(layer.name) != i) {
      throw ArgumentError("the Keras layer name '" + layer.name + "' is empty, taken or has a slash");
    }
    KerasNode node;
    if (i > 0) {
      if (layer.class_name == "InputLayer") throw ArgumentError("a Keras model has one InputLayer");
      if (layer.inputs.empty()) node.inputs = {i - 1};
      for (const std::string& input : layer.inputs) node.inputs.push_back(number(input));
      for (const std::size_t input : node.inputs) {
        if (input >= i) {
          throw ArgumentError("the Keras layer " + layer.name + " is fed by none of the layers before it");
        }
        if (nodes[input].out != nodes[node.inputs[0]].out) {
          throw ArgumentError("the Keras layer " + layer.name + " is fed by outputs of two shapes, " +
                              dims_text(nodes[node.inputs[0]].out) + " and " + dims_text(nodes[input].out));
        }
      }
      if ((node.inputs.size() > 1) != (layer.class_name == "Add")) {
        throw ArgumentError("the Keras layer " + layer.name + " (" + layer.class_name + ") cannot have " +
                            std::to_string(node.inputs.size()) + " inputs");
      }
      node.in = nodes[node.inputs[0]].out;
    }
    node.out = keras_output_shape(layer, node.in);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

/// The model with its layers in the order of Keras's own `model.layers`, by which it finds their weights: those
/// furthest from the output first; of the same distance, the one that is met first from the output backwards.
[[nodiscard]] inline KerasModel in_keras_order(const KerasModel& model) {
  const std::vector<KerasNode> nodes = keras_graph(model);
  std::vector<std::size_t> distance(nodes.size(), 0), met(nodes.size(), nodes.size()), order, open{nodes.size() - 1};
  for (std::size_t i = nodes.size(); i-- > 0;) {
    for (const std::size_t input : nodes[i].inputs) distance[input] = std::max(distance[input], distance[i] + 1);
  }
  for (std::size_t count = 0; !open.empty();) {
    const std::size_t i = open.back();
    open.pop_back();
    if (met[i] != nodes.size()) continue;
    met[i] = count++;
    order.push_back(i);
    open.insert(open.end(), nodes[i].inputs.rbegin(), nodes[i].inputs.rend());
  }
  if (order.size() != nodes.size()) throw ArgumentError("a Keras model has no layers that lead nowhere");
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return distance[a] != distance[b] ? distance[a] > distance[b] : met[a] < met[b];
  });
  KerasModel sorted{model.name, {}, model.training};
  for (const std::size_t i : order) {
    sorted.layers.push_back(model.layers[i]);
    sorted.layers.back().inputs.clear();
    for (const std::size_t input : nodes[i].inputs) sorted.layers.back().inputs.push_back(model.layers[input].name);
  }
  return sorted;
}

/// The tensor of a layer's variable. ArgumentError where the weights have none of that shape.
[[nodiscard]] inline const NamedTensor& keras_weight(const NamedTensors& weights, const std::string& name,
                                                     const Sizes& dims) {
  const NamedTensor* tensor = weights.find(name);
  if (tensor == nullptr || tensor->dims != dims || element_count(dims) != tensor->values.size()) {
    throw ArgumentError("the weights have no tensor " + name + " of shape " + dims_text(dims));
  }
  return *tensor;
}

}  // namespace detail

}  // namespace cxrnet
