#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet {

/// A tensor that a network needs.
struct WantedTensor {
  std::string name;  ///< "<layer>.<variable>"
  std::vector<std::size_t> dims;
};

/// What to do with layers of a file that the network does not have.
enum class Extras {
  refuse,  ///< a whole model must be the network, no more
  ignore   ///< a backbone may come from a file with another head: the official top (fc1, fc2, predictions), say
};

namespace detail {

/// Consecutive tensors of one layer: those before the last dot of their names. Scales of activations are no part of
/// them: networks in Int8 have them besides.
template <class Tensor>
struct LayerTensors {
  std::string name;
  std::vector<const Tensor*> tensors;
};

template <class Tensor>
[[nodiscard]] std::vector<LayerTensors<Tensor>> by_layer(std::span<const Tensor> tensors) {
  std::vector<LayerTensors<Tensor>> layers;
  for (const Tensor& tensor : tensors) {
    if (tensor.name.ends_with(".scale")) continue;
    const std::string name = tensor.name.substr(0, tensor.name.rfind('.'));
    if (layers.empty() || layers.back().name != name) layers.push_back({name, {}});
    layers.back().tensors.push_back(&tensor);
  }
  return layers;
}

/// Whether Keras gave the name: "dense", "dense_3", "conv2d_1". Such names count what a session made before and say
/// nothing of the layer's place.
[[nodiscard]] inline bool is_automatic(std::string_view name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  if (last != std::string_view::npos && last + 1 < name.size() && name[last] == '_') name = name.substr(0, last);
  return name == "dense" || name == "conv2d" || name == "batch_normalization";
}

using Wanted = LayerTensors<WantedTensor>;
using Found = LayerTensors<NamedTensor>;

[[nodiscard]] inline const NamedTensor* variable(const Found& layer, const WantedTensor& wanted) {
  for (const NamedTensor* tensor : layer.tensors) {
    if (std::string_view(tensor->name).substr(layer.name.size()) ==
        std::string_view(wanted.name).substr(std::min(wanted.name.rfind('.'), wanted.name.size()))) {
      return tensor;
    }
  }
  return nullptr;
}

/// Whether the layers have the same variables of the same shapes.
[[nodiscard]] inline bool fits(const Wanted& wanted, const Found& found) {
  return wanted.tensors.size() == found.tensors.size() &&
         std::all_of(wanted.tensors.begin(), wanted.tensors.end(), [&](const WantedTensor* tensor) {
           const NamedTensor* other = variable(found, *tensor);
           return other != nullptr && other->dims == tensor->dims;
         });
}

/// Whether the layers have the same variables of the same ranks: both are convolutions, say.
[[nodiscard]] inline bool same_kind(const Wanted& wanted, const Found& found) {
  return wanted.tensors.size() == found.tensors.size() &&
         std::all_of(wanted.tensors.begin(), wanted.tensors.end(), [&](const WantedTensor* tensor) {
           const NamedTensor* other = variable(found, *tensor);
           return other != nullptr && other->dims.size() == tensor->dims.size();
         });
}

[[nodiscard]] inline const Found* with_name(const std::vector<Found>& layers, std::string_view name) {
  const auto at = std::find_if(layers.begin(), layers.end(), [&](const Found& layer) { return layer.name == name; });
  return at == layers.end() ? nullptr : &*at;
}

template <class Tensor>
[[nodiscard]] std::string shapes(const LayerTensors<Tensor>& layer) {
  std::string text = shown(layer.name);
  for (const Tensor* tensor : layer.tensors) text += " " + dims_text(tensor->dims);
  return text;
}

/// Both sides of a mismatch: layers missing, of other shapes, and not needed.
[[nodiscard]] inline std::string difference(const std::vector<Wanted>& wanted, const std::vector<Found>& found) {
  std::string missing, differ, unused;
  const auto add = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; };
  std::vector<const Found*> used;
  for (const Wanted& layer : wanted) {
    const Found* other = with_name(found, layer.name);
    used.push_back(other);
    if (other == nullptr) {
      add(missing, shapes(layer));
    } else if (!fits(layer, *other)) {
      add(differ, shapes(*other) + " where the network has " + shapes(layer));
    }
  }
  for (const Found& layer : found) {
    if (std::find(used.begin(), used.end(), &layer) == used.end()) add(unused, shapes(layer));
  }
  std::string text;
  const auto part = [&](const char* title, const std::string& list) {
    if (!list.empty()) text += (text.empty() ? "" : "; ") + std::string(title) + list;
  };
  part("it lacks ", missing);
  part("it has other shapes, ", differ);
  part("the network has no ", unused);
  return text.empty() ? "its layers are in another order" : text;
}

}  // namespace detail

/// The file's tensors in the order of `wanted`; pointers into `found`. Layers match by name. Where a wanted name is not
/// in the file, layers with names of a user's choice still match by name, and the rest (Keras's automatic names, dense_2
/// for dense; all of another framework's) by order, the n-th convolution with the n-th, the n-th dense layer with the n-th,
/// if their shapes agree one by one. Throws FormatError listing what is missing, differs, is extra.
[[nodiscard]] inline std::vector<const NamedTensor*> match(std::span<const WantedTensor> wanted,
                                                           const NamedTensors& found, const std::string& file,
                                                           Extras extras = Extras::refuse) {
  const auto wanted_layers = detail::by_layer(wanted);
  const auto found_layers = detail::by_layer(std::span<const NamedTensor>(found.tensors));
  const auto fail = [&]() {
    throw FormatError("'" + file + "' does not fit this network: " + detail::difference(wanted_layers, found_layers) +
                      "; use weights of a network like this one");
  };
  const bool all_named = std::all_of(wanted_layers.begin(), wanted_layers.end(), [&](const auto& layer) {
    return detail::with_name(found_layers, layer.name) != nullptr;
  });
  std::vector<const detail::Found*> partner(wanted_layers.size(), nullptr), rest;
  for (std::size_t i = 0; i < wanted_layers.size(); ++i) {
    const bool by_name = all_named || !detail::is_automatic(wanted_layers[i].name);
    if (by_name) partner[i] = detail::with_name(found_layers, wanted_layers[i].name);
  }
  for (const auto& layer : found_layers) {
    if (std::find(partner.begin(), partner.end(), &layer) == partner.end()) rest.push_back(&layer);
  }
  for (std::size_t i = 0; i < partner.size(); ++i) {
    if (partner[i] != nullptr) continue;
    const auto next = std::find_if(rest.begin(), rest.end(), [&](const detail::Found* layer) {
      return detail::same_kind(wanted_layers[i], *layer);
    });
    if (next == rest.end()) fail();
    partner[i] = *next;
    rest.erase(next);
  }
  if (extras == Extras::refuse && !rest.empty()) fail();

  std::vector<const NamedTensor*> tensors;
  for (std::size_t i = 0; i < wanted_layers.size(); ++i) {
    if (!detail::fits(wanted_layers[i], *partner[i])) fail();
    for (const WantedTensor* tensor : wanted_layers[i].tensors) {
      tensors.push_back(detail::variable(*partner[i], *tensor));
    }
  }
  return tensors;
}

}  // namespace cxrnet
