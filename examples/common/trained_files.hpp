#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/history.hpp>

#include <filesystem>
#include <string>
#include <vector>

// The files that a training leaves.
namespace cxrnet::programs {

/// FileError unless a finished run's files can be written to the folder, which is made where it is missing.
void require_run_folder(const std::filesystem::path& folder);

/// Writes the model, as .h5 and .safetensors, and the history; removes what an earlier run left of another model.
void write_trained(const std::filesystem::path& folder, const Classifier& net, const std::vector<std::string>& classes,
                   const History& history);

/// Evaluates a model file, as `evaluate` does, and writes metrics.json and predictions.csv beside it.
Evaluation test_model(const std::filesystem::path& file, const ImageDataset& test, int positive, unsigned threads,
                      const std::string& device);

}  // namespace cxrnet::programs
