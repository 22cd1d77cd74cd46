#pragma once
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/model_io.hpp>

#include <filesystem>
#include <memory>

namespace cxrnet {

/// A trained network out of a model file (safetensors, or Keras's .keras and .h5). FormatError where the file's tensors,
/// or the preprocessing it was trained with, are not the type's; a foreign file is taken to mean the reference's rescale.
template <class Net, class Backend>
std::unique_ptr<Model<Net, Backend>> load_as(const std::filesystem::path& file, int capacity = 32) {
  const NamedTensors tensors = read_weights(file);
  const auto recorded = tensors.metadata.find("preprocess");
  const std::string preprocess = recorded == tensors.metadata.end() ? "rescale" : recorded->second;
  if (preprocess != description_of<Net>.preprocess) {
    const bool says = recorded != tensors.metadata.end();
    throw FormatError("'" + file.string() + "' " +
                      (says ? "was trained with the preprocessing '"
                            : "does not say how its images were prepared, which is taken to be '") +
                      preprocess + "', the network's type has '" + std::string(description_of<Net>.preprocess) + "': " +
                      (says ? "use the backbone option that the file names." : "record it with convert --preprocess."));
  }
  std::vector<typename Backend::scalar> parameters(Traits<Net>::parameter_count);
  std::vector<float> values(parameters.size());
  take_parameters(description_of<Net>, tensors, file.string(), Which::all, values);
  std::copy(values.begin(), values.end(), parameters.begin());
  return std::make_unique<Model<Net, Backend>>(std::move(parameters), capacity);
}

}  // namespace cxrnet
