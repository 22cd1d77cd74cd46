#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/io/hdf5_read.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/natural_order.hpp>

namespace cxrnet::detail {

/// Where a `.weights.h5` has a layer's weights, "layers/conv2d_1", and what the layer is called.
struct KerasPlace {
  std::string path, name;
};

/// Reads the weights of a Keras HDF5 file, whichever of Keras's layouts it has.
class KerasReader {
 public:
  explicit KerasReader(const std::filesystem::path& path) : file_(path) {}
  /// The file in memory; `path` is what messages name.
  KerasReader(const std::filesystem::path& path, std::span<const std::byte> image) : file_(path, image) {}

  /// `places` gives the names and the order of the layers of a `.weights.h5`, which has neither.
  [[nodiscard]] NamedTensors read(std::span<const KerasPlace> places = {}) {
    if (file_.has_group("/model_weights")) {
      read_by_layer_names("/model_weights");
    } else if (file_.texts("/", "layer_names")) {
      read_by_layer_names("");
    } else {
      read_vars("", "", 0);
      order_by(places);
    }
    NamedTensors model;
    std::set<std::string> taken;
    for (Layer& layer : layers_) {
      if (!taken.insert(layer.name).second) taken.insert(layer.name = layer.path);
      for (NamedTensor& tensor : layer.tensors) {
        tensor.name = layer.name + "." + tensor.name;
        model.tensors.push_back(std::move(tensor));
      }
    }
    if (model.tensors.empty()) file_.fail("it holds no Keras weights");
    read_metadata(model);
    return model;
  }

 private:
  struct Layer {
    std::string name, path;
    std::vector<NamedTensor> tensors;  // named by their variable alone
  };

  static constexpr int max_depth = 16;
  static constexpr std::size_t max_layers = 4096;

  /// "block1_conv1_W_1:0", "kernel:0", "sequential/dense/kernel" to "kernel"; others keep their last part.
  [[nodiscard]] static std::string variable_of(std::string_view path, std::string_view layer) {
    path = path.substr(0, path.rfind(':'));
    path = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
    if (path.starts_with(layer) && path.size() > layer.size() + 1 && path[layer.size()] == '_') {
      const std::string_view rest = path.substr(layer.size() + 1);
      if (rest == "W" || rest.starts_with("W_")) return "kernel";
      if (rest == "b" || rest.starts_with("b_")) return "bias";
    }
    return std::string(path);
  }

  /// The folder of a weight's path: "block1_conv1" of "vgg16/block1_conv1/kernel:0"; empty where there is none.
  [[nodiscard]] static std::string parent_of(std::string_view path) {
    const std::size_t end = path.rfind('/');
    if (end == std::string_view::npos) return "";
    path = path.substr(0, end);
    return std::string(path.substr(path.rfind('/') + 1));
  }

  void read_by_layer_names(const std::string& root) {
    const auto groups = file_.texts(root, "layer_names");
    if (!groups) file_.fail("it has no list of layers (`layer_names`)");
    for (const std::string& group : *groups) {
      const std::string at = root + "/" + group;
      const auto weights = file_.texts(at, "weight_names");
      if (!weights) file_.fail("the layer " + shown(group) + " has no list of weights (`weight_names`)");
      std::set<std::string> parents;
      for (const std::string& weight : *weights) parents.insert(parent_of(weight));
      const bool nested = parents.size() > 1;  // the group is a model with layers of its own
      std::map<std::string, std::size_t> index;
      for (const std::string& weight : *weights) {
        const std::string parent = nested ? parent_of(weight) : group;
        const auto [found, added] = index.emplace(parent, layers_.size());
        if (added) add_layer({parent, nested ? group + "/" + parent : group, {}});
        layers_[found->second].tensors.push_back(file_.tensor(at + "/" + weight, variable_of(weight, parent)));
      }
    }
  }

  /// Keras 3's `.weights.h5`: .../<layer>/vars/0, 1, ...; newer ones keep the layer's own name beside.
  void read_vars(const std::string& path, const std::string& layer, int depth) {
    if (depth > max_depth) file_.fail("its groups are nested too deeply");
    for (const std::string& child : file_.children(path)) {
      const std::string at = path + "/" + child;
      const bool skipped = (depth == 0 && child == "optimizer") || child == "seed_generator";
      if (skipped || !file_.has_group(at)) continue;
      if (child != "vars") {
        read_vars(at, child, depth + 1);
        continue;
      }
      const std::vector<std::string> variables = file_.children(at);
      if (variables.empty()) continue;
      add_layer({file_.text(at, "name").value_or(layer), path.substr(std::min<std::size_t>(1, path.size())), {}});
      std::vector<NamedTensor>& tensors = layers_.back().tensors;
      for (std::size_t i = 0; i < variables.size(); ++i) {
        tensors.push_back(file_.tensor(at + "/" + std::to_string(i), std::to_string(i)));
      }
      name_variables(tensors);
    }
  }

  /// Names the numbered variables of a convolution, a dense layer or a batch normalisation.
  static void name_variables(std::vector<NamedTensor>& tensors) {
    constexpr std::array sums{"kernel", "bias"};
    constexpr std::array normalisation{"gamma", "beta", "moving_mean", "moving_variance"};
    const bool vectors = std::all_of(tensors.begin(), tensors.end(), [](const auto& t) { return t.dims.size() == 1; });
    const bool normalises = vectors && tensors.size() == normalisation.size();
    if (!normalises && tensors.size() > sums.size()) return;
    for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].name = normalises ? normalisation[i] : sums[i];
  }

  /// Orders the layers as `places` does. What is in none of them: convolutions first, then dense layers, then others,
  /// each as Keras numbered them.
  void order_by(std::span<const KerasPlace> places) {
    const auto place = [&](const Layer& layer) {
      return std::find_if(places.begin(), places.end(), [&](const KerasPlace& p) { return p.path == layer.path; }) -
             places.begin();
    };
    std::stable_sort(layers_.begin(), layers_.end(), [&](const Layer& a, const Layer& b) {
      const auto key = [&](const Layer& layer) { return std::pair(place(layer), -std::ssize(layer.tensors.front().dims)); };
      return key(a) != key(b) ? key(a) < key(b) : natural_less(a.path, b.path);
    });
    for (Layer& layer : layers_) {
      const auto at = static_cast<std::size_t>(place(layer));
      if (at < places.size()) layer.name = places[at].name;
    }
  }

  void add_layer(Layer layer) {
    if (layers_.size() == max_layers) file_.fail("it has too many layers");
    layers_.push_back(std::move(layer));
  }

  void read_metadata(NamedTensors& model) {
    const auto text = file_.text("/", "cxrnet");
    if (!text) return;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object()) file_.fail("its attribute `cxrnet` is not a JSON object");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) file_.fail("its attribute `cxrnet` holds something other than texts");
      model.metadata[key] = value.get<std::string>();
    }
  }

  hdf5::Reader file_;
  std::vector<Layer> layers_;
};

}  // namespace cxrnet::detail
