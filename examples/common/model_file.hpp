#pragma once
#include <cxrnet/train/classifier_interface.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace cxrnet::programs {

/// A trained model file as a classifier.
struct LoadedModel {
  std::unique_ptr<Classifier> classifier;
  std::vector<std::string> classes;  ///< "class 0", ... where the file does not name them
  bool names_classes = false;
};
/// Reads safetensors, .keras or .h5; says in a line on standard error when a foreign file is taken to mean the
/// reference's rescale.
LoadedModel load_model(const std::filesystem::path& file, int capacity, const std::string& device = "cpu");

}  // namespace cxrnet::programs
