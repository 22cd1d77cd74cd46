// How keras_archive.hpp writes.
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_writer.hpp>
#include <cxrnet/io/zip.hpp>

#include <span>
#include <string>
#include <vector>

namespace cxrnet {

CXRNET_INLINE void write_keras(const std::filesystem::path& path, const KerasModel& given, const NamedTensors& weights) {
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
