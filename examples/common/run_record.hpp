#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/fit.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

// What a training run leaves behind so that it can be repeated and defended.
namespace cxrnet::programs {

/// The command line of `train`.
struct TrainSettings {
  std::filesystem::path train;
  std::filesystem::path val;
  std::filesystem::path test;
  std::filesystem::path out;
  std::filesystem::path weights;
  int epochs = 10;
  std::size_t batch = 32;
  std::uint64_t seed = 0;
  std::string rng = "counter";
  std::string preprocess = "rescale";
  std::string positive;
  unsigned threads = 0;
  bool no_augment = false;
  bool profile = false;
  bool skip_bad = false;
};

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

/// What our model files record beside the weights and their preprocessing.
std::map<std::string, std::string> model_metadata(const Classifier& net, const std::vector<std::string>& classes);

/// run.json: settings, versions, hashes of weights and images, algorithms, times, memory. `test` may be null.
void write_run_record(const std::filesystem::path& file, const TrainSettings& settings, const InputHashes& hashes,
                      const Classifier& net,
                      const ImageDataset& train, const ImageDataset& validation, const ImageDataset* test,
                      const FitResult& result);

}  // namespace cxrnet::programs
