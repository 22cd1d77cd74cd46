#pragma once
#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cxrnet/core/description.hpp>
#include <cxrnet/io/flattened_map.hpp>
#include <cxrnet/io/layouts.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/natural_order.hpp>

namespace cxrnet {

/// Whether the tensors are named as in PyTorch's state_dict(): "features.0.weight", "bn1.running_mean".
[[nodiscard]] inline bool is_torch_state(const NamedTensors& model) {
  const auto is_ours = [](std::string_view name) { return name.ends_with(".kernel") || name.ends_with(".gamma"); };
  return std::none_of(model.tensors.begin(), model.tensors.end(), [&](const auto& t) { return is_ours(t.name); }) &&
         std::any_of(model.tensors.begin(), model.tensors.end(),
                     [](const auto& t) { return t.name.ends_with(".weight"); });
}

/// A PyTorch state_dict() in Keras's layouts and variables: `weight` of a convolution or dense layer is its `kernel`,
/// of a batch normalisation `gamma`. Its modules are put in the order of their names ("features.2" before
/// "features.10"), those with convolutions first, as files do not keep the model's.
[[nodiscard]] inline NamedTensors from_torch_state(const NamedTensors& state) {
  using Module = std::pair<std::string, std::vector<const NamedTensor*>>;
  const auto before = [](const std::string& name, std::size_t dot) { return name.substr(0, dot); };
  std::map<std::string, std::vector<const NamedTensor*>> by_name;
  std::set<std::string> convolving;  // top-level modules
  for (const NamedTensor& tensor : state.tensors) {
    by_name[before(tensor.name, tensor.name.rfind('.'))].push_back(&tensor);
    if (tensor.dims.size() == 4) convolving.insert(before(tensor.name, tensor.name.find('.')));
  }
  std::vector<Module> modules(by_name.begin(), by_name.end());
  std::stable_sort(modules.begin(), modules.end(), [&](const Module& a, const Module& b) {
    const auto first = [&](const Module& m) { return convolving.contains(before(m.first, m.first.find('.'))); };
    return first(a) != first(b) ? first(a) : detail::natural_less(a.first, b.first);
  });
  NamedTensors model{{}, state.metadata};
  for (const auto& [name, tensors] : modules) {
    const bool normalises = std::any_of(tensors.begin(), tensors.end(),
                                        [](const NamedTensor* t) { return t->name.ends_with(".running_mean"); });
    for (const NamedTensor* tensor : tensors) {
      const std::size_t rank = tensor->dims.size();
      std::string variable = tensor->name.substr(std::min(name.size() + 1, tensor->name.size()));
      if (variable == "weight" && (normalises || rank == 2 || rank == 4)) variable = normalises ? "gamma" : "kernel";
      if (variable == "bias" && normalises) variable = "beta";
      if (variable == "running_mean") variable = "moving_mean";
      if (variable == "running_var") variable = "moving_variance";
      NamedTensor ours = variable != "kernel" ? *tensor
                         : rank == 4          ? detail::oihw_to_hwio(*tensor)
                                              : detail::transposed(*tensor);
      ours.name = name + "." + variable;
      if (normalises || rank == 2) ours.map_order = MapOrder::channel_height_width;
      model.tensors.push_back(std::move(ours));
    }
  }
  return model;
}

/// What torchvision calls the layers of VGG, in their order: "features.0", ..., "classifier.6". Its ReLUs, pools and
/// dropouts count too.
[[nodiscard]] inline std::vector<std::string> torchvision_names(const Description& network) {
  std::vector<std::string> names;
  int features = 0, classifier = 0;
  for (const LayerInfo& layer : network.layers) {
    const bool convolution = layer.kind == "conv2d", dense = layer.kind == "dense";
    names.push_back(dense ? "classifier." + std::to_string(classifier) : "features." + std::to_string(features));
    features += convolution ? 2 : layer.kind == "max_pooling2d" ? 1 : 0;
    classifier += dense ? 3 : 0;
  }
  return names;
}

/// Parameters of a network, as `name_parameters` gives them, as PyTorch's state_dict() in PyTorch's layouts; a VGG
/// under torchvision's names, others under their own: "dense.weight".
[[nodiscard]] inline NamedTensors to_torch_state(const Description& network, const NamedTensors& ours) {
  const bool vgg = network.layers.size() > 1 && network.layers[1].name.view() == "block1_conv1" &&
                   (network.output.is_image() || network.layers.back().name.view() == "predictions");
  const std::vector<std::string> names = torchvision_names(network);
  NamedTensors state{{}, ours.metadata};
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const ParameterInfo& info = network.parameters[i];
    const auto layer = static_cast<std::size_t>(info.layer);
    NamedTensor tensor = ours.tensors[i];
    if (const Dims map = flattened_map(network, i); map.is_image()) {
      const auto area = static_cast<std::size_t>(map.height * map.width);
      tensor.values = detail::to_channels_first(tensor.values, area, static_cast<std::size_t>(map.channels));
    }
    const std::string_view role = info.parameter.role;
    if (role == "kernel") tensor = tensor.dims.size() == 4 ? detail::hwio_to_oihw(tensor) : detail::transposed(tensor);
    const std::string variable(role == "kernel" || role == "gamma" ? "weight"
                               : role == "beta"                    ? "bias"
                               : role == "moving_mean"             ? "running_mean"
                               : role == "moving_variance"         ? "running_var"
                                                                   : role);
    tensor.name = (vgg ? names[layer] : std::string(network.layers[layer].name.view())) + "." + variable;
    state.tensors.push_back(std::move(tensor));
  }
  return state;
}

}  // namespace cxrnet
