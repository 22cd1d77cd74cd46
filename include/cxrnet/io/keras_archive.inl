// How keras_archive.hpp reads.
#include <cxrnet/core/error.hpp>
#include <cxrnet/io/isolated.hpp>
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_config.hpp>
#include <cxrnet/io/keras_reader.hpp>
#include <cxrnet/io/zip.hpp>

#include <cstdint>
#include <vector>

namespace cxrnet {

namespace detail {

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

CXRNET_INLINE NamedTensors read_keras(const std::filesystem::path& path) {
  const hdf5::Session session;  // no other thread is within HDF5 when the process forks
  return detail::read_isolated(path, [&] { return detail::read_keras_members(path); });
}

}  // namespace cxrnet
