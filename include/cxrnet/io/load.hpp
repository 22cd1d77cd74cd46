#pragma once
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/model_io.hpp>

#include <filesystem>
#include <memory>

namespace cxrnet {

/// A trained network out of a model file (safetensors or Keras .h5). FormatError where the file's tensors, or the
/// preprocessing it was trained with, are not the type's; a foreign file is taken to mean the reference's rescale.
template <class Net, class Backend>
std::unique_ptr<Model<Net, Backend>> load_as(const std::filesystem::path& file, int capacity = 32) {
  const NamedTensors tensors = read_weights(file);
  const auto recorded = tensors.metadata.find("preprocess");
  const std::string preprocess = recorded == tensors.metadata.end() ? "rescale" : recorded->second;
  if (preprocess != description_of<Net>.preprocess) {
    throw FormatError("'" + file.string() + "' was trained with the preprocessing '" + preprocess +
                      "', the network's type has '" + std::string(description_of<Net>.preprocess) +
                      "': use the backbone option that the file names.");
  }
  std::vector<typename Backend::scalar> parameters(Traits<Net>::parameter_count);
  std::vector<float> values(parameters.size());
  take_parameters(description_of<Net>, tensors, file.string(), Which::all, values);
  std::copy(values.begin(), values.end(), parameters.begin());
  return std::make_unique<Model<Net, Backend>>(std::move(parameters), capacity);
}

}  // namespace cxrnet
