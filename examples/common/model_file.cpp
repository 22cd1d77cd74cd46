#include "common/model_file.hpp"

#include "variants/variants.hpp"

#include <cxrnet/io/model_io.hpp>
#include <cxrnet/report/text.hpp>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace cxrnet::programs {

namespace {

/// The constants of the network that a model file records; FormatError where there is no such network.
const Description& describe_recorded(const Variant& variant, const std::filesystem::path& file) {
  try {
    return describe(variant);
  } catch (const ArgumentError& error) {
    throw FormatError("'" + file.string() + "' cannot be used by this version. " + error.what());
  }
}

}  // namespace

LoadedModel load_model(const std::filesystem::path& file, int capacity, const std::string& device) {
  const NamedTensors tensors = read_weights(file);
  Variant variant;
  variant.device = device;
  const auto recorded = tensors.metadata.find("preprocess");
  if (recorded != tensors.metadata.end()) {
    variant.preprocess = recorded->second;
  } else {
    std::cerr << "note: " << printable(file.string())
              << " was not written by cxrnet and names no preprocessing: it is taken to be the reference's rescale by "
                 "1/255.\n";
  }
  const auto precision = tensors.metadata.find("precision");
  if (precision != tensors.metadata.end()) variant.precision = precision->second;
  const Description& network = describe_recorded(variant, file);
  std::vector<float> parameters(network.parameter_count);
  take_parameters(network, tensors, file.string(), Which::all, parameters);
  LoadedModel model;
  const auto classes = tensors.metadata.find("classes");
  if (classes != tensors.metadata.end()) {
    const auto names = nlohmann::json::parse(classes->second, nullptr, false);
    const bool list = names.is_array() && names.size() == network.output.size() &&
                      std::all_of(names.begin(), names.end(), [](const auto& name) { return name.is_string(); }) &&
                      std::set(names.begin(), names.end()).size() == names.size();
    if (!list) {
      throw FormatError("'" + file.string() + "' names its classes in a way that does not fit its " +
                        std::to_string(network.output.size()) + " outputs; save the model again.");
    }
    model.classes = names.get<std::vector<std::string>>();
    model.names_classes = true;
  } else {
    for (std::size_t i = 0; i < network.output.size(); ++i) model.classes.push_back("class " + std::to_string(i));
  }
  model.classifier = make_classifier(variant, std::move(parameters), capacity);
  return model;
}

}  // namespace cxrnet::programs
