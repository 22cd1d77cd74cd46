#pragma once
#include "common/settings.hpp"

#include <cxrnet/data/dataset.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/feature_cache.hpp>
#include <cxrnet/train/fit_options.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

// What a training run leaves behind so that it can be repeated and defended.
namespace cxrnet::programs {

/// SHA-256 of everything that a run reads, taken before it starts.
struct InputHashes {
  std::string weights;
  std::vector<std::string> train;  ///< by image, in the data set's order
  std::vector<std::string> validation;
  std::vector<std::string> test;
};
/// `test` may be null. FileError where a file cannot be read.
InputHashes hash_inputs(const TrainSettings& settings, const ImageDataset& train, const ImageDataset& validation,
                        const ImageDataset* test);

/// One line that names an image that stands in two of the sets, or under two classes, and counts the others; empty where
/// there is none. Such doubles make an evaluation too good (Roberts et al. 2021).
std::string doubles_warning(const InputHashes& hashes, const ImageDataset& train, const ImageDataset& validation,
                            const ImageDataset* test);

/// The processor's name, as Linux knows it.
std::string processor();

/// All that the last bits of a result depend on besides inputs and algorithms: versions, processor, threads.
nlohmann::ordered_json machine_json(const Classifier& net);

/// The cache that the settings name, null where they name none. FileError where nothing can be written to it.
std::unique_ptr<FeatureCache> open_feature_cache(const FeatureSettings& settings, const Classifier& net);

/// By what algorithm each of a network's operations is computed.
nlohmann::ordered_json algorithms_json(const Classifier& net);

/// What our model files record beside the weights and their preprocessing.
std::map<std::string, std::string> model_metadata(const Classifier& net, const std::vector<std::string>& classes);

/// run.json: settings, versions, hashes of weights and images, algorithms, times, memory. `test` may be null.
void write_run_record(const std::filesystem::path& file, const TrainSettings& settings, const InputHashes& hashes,
                      const Classifier& net,
                      const ImageDataset& train, const ImageDataset& validation, const ImageDataset* test,
                      const FitResult& result);

}  // namespace cxrnet::programs
