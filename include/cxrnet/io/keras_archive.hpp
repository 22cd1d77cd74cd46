#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hdf5.hpp>
#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/isolated.hpp>
#include <cxrnet/io/keras_h5.hpp>
#include <cxrnet/io/keras_h5_writer.hpp>
#include <cxrnet/io/keras_model.hpp>
#include <cxrnet/io/zip.hpp>

namespace cxrnet {

namespace detail {

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

/// The places of a model's layers, models within it flattened, by its configuration. What is no such configuration adds
/// none.
inline void list_keras_places(const nlohmann::json& model, const std::string& prefix, int depth,
                              std::vector<KerasPlace>& places) {
  const nlohmann::json none;
  const auto member = [&none](const nlohmann::json& object, const char* key) -> const nlohmann::json& {
    return object.is_object() && object.contains(key) ? object[key] : none;
  };
  const nlohmann::json& layers = member(member(model, "config"), "layers");
  if (!layers.is_array() || depth > 16) return;
  KerasCounter counter;
  for (const nlohmann::json& layer : layers) {
    const nlohmann::json &class_name = member(layer, "class_name"), &name = member(member(layer, "config"), "name");
    if (!class_name.is_string() || !name.is_string()) return;
    const std::string path = prefix + "layers/" + counter.next(class_name.get<std::string>());
    places.push_back({path, name.get<std::string>()});
    list_keras_places(layer, path + "/", depth + 1, places);
  }
}

[[nodiscard]] inline NamedTensors read_keras_members(const std::filesystem::path& path) {
  constexpr std::uint64_t most_config = std::uint64_t{16} << 20U, most_weights = std::uint64_t{8} << 30U;
  ZipReader archive(path);
  if (!archive.has(keras_config_member)) {
    throw FormatError("'" + path.string() + "' is a zip archive without a Keras model's config.json; if PyTorch wrote it, "
                      "save it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors') instead");
  }
  const auto config = archive.read(keras_config_member, most_config);
  const std::string_view text(reinterpret_cast<const char*>(config.data()), config.size());
  std::vector<KerasPlace> places;
  list_keras_places(nlohmann::json::parse(text, nullptr, false), "", 0, places);
  if (places.empty()) {
    throw FormatError("'" + path.string() + "' is not a Keras model: its config.json lists no layers; save it again");
  }
  return KerasReader(path, archive.read(keras_weights_member, most_weights)).read(places);
}

}  // namespace detail

/// Reads the weights of a `.keras` file in the order of its layers, models within it flattened. Of the archive only
/// config.json and model.weights.h5 are looked at, in memory and in a child process. Throws FileError or FormatError.
[[nodiscard]] inline NamedTensors read_keras(const std::filesystem::path& path) {
  const hdf5::Session session;  // no other thread is within HDF5 when the process forks
  return detail::read_isolated(path, [&] { return detail::read_keras_members(path); });
}

/// Writes a `.keras` file as Keras 3's `model.save` does, whole or not at all: `keras.models.load_model` opens it. The
/// rest as `write_keras_h5`.
inline void write_keras(const std::filesystem::path& path, const KerasModel& given, const NamedTensors& weights) {
  const KerasModel model = detail::in_keras_order(given);
  const std::vector<detail::KerasNode> nodes = detail::keras_graph(model);
  hdf5::Writer file;
  detail::KerasCounter counter;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const KerasLayer& layer = model.layers[i];
    const std::string group = "/layers/" + counter.next(layer.class_name) + "/vars";
    file.group(group);
    file.text(group, "name", layer.name);
    std::size_t number = 0;
    for (const auto& [variable, dims] : detail::keras_variables(layer, nodes[i].in)) {
      file.tensor(group + "/" + std::to_string(number++), dims,
                  detail::keras_weight(weights, layer.name + "." + variable, dims).values);
    }
  }
  detail::write_keras_metadata(file, weights);

  nlohmann::ordered_json config = detail::keras_model_config(model, KerasFormat::keras);
  config.update({{"module", "keras.src.models.functional"}, {"registered_name", "Functional"}});
  if (model.training) config["compile_config"] = detail::keras_training_config(*model.training, KerasFormat::keras);
  const std::string config_text = config.dump();
  const std::string metadata = nlohmann::ordered_json{{"keras_version", detail::keras_version}}.dump();
  const auto bytes_of = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  const std::vector<std::byte> h5 = file.bytes();
  const std::vector<ZipMember> members{{detail::keras_metadata_member, bytes_of(metadata)},
                                       {detail::keras_config_member, bytes_of(config_text)},
                                       {detail::keras_weights_member, h5}};
  write_zip(path, members);
}

}  // namespace cxrnet
