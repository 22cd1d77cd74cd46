#pragma once
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/model_io.hpp>

#include <filesystem>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

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
  std::vector<float> parameters(Traits<Net>::parameter_count);
  take_parameters(description_of<Net>, tensors, file.string(), Which::all, parameters);
  if constexpr (std::is_same_v<typename Backend::scalar, float>) {
    return std::make_unique<Model<Net, Backend>>(std::move(parameters), capacity);
  } else {
    using Scalars = std::vector<typename Backend::scalar>;
    return std::make_unique<Model<Net, Backend>>(Scalars(parameters.begin(), parameters.end()), capacity);
  }
}

}  // namespace cxrnet
