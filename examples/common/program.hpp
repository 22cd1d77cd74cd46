#pragma once
#include "variants/variants.hpp"

#include <cxrnet/data/dataset.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/train/feature_cache.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
}

// What train, evaluate, predict and summary share.
namespace cxrnet::programs {

/// Parses, runs, and turns exceptions into one sentence on standard error and exit status 1.
int run(CLI::App& app, int argc, char** argv, const std::function<int()>& program);

/// Sets true at the first Ctrl-C or termination signal; a second one ends the program at once.
const std::atomic<bool>& interrupted();
/// From here on, Ctrl-C ends the program as it does any other.
void end_on_interrupt();

/// As many threads for the network and for reading images; 0 leaves both as they are.
void use_threads(unsigned threads);

/// --device
void add_device_option(CLI::App& app, std::string& device);
/// The device that `auto` stands for here, and says so on standard error; any other as it is. BackendError where there is no
/// such device.
std::string chosen_device(const std::string& device);

/// A trained model file as a classifier.
struct LoadedModel {
  std::unique_ptr<Classifier> classifier;
  std::vector<std::string> classes;  ///< "class 0", ... where the file does not name them
  bool names_classes = false;
};
/// Reads safetensors, .keras or .h5; says in a line on standard error when a foreign file is taken to mean the
/// reference's rescale.
LoadedModel load_model(const std::filesystem::path& file, int capacity, const std::string& device = "cpu");

/// Lists and opens a folder of class folders for the network; prints what is skipped and the warning where format or
/// size separates the classes. DataError where its classes are not `classes` (any, where that is empty).
std::unique_ptr<ImageDataset> open_images(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                                          BadImages bad_images, unsigned threads);

/// DataError unless the folder has exactly as many classes as the network's output.
void require_class_count(const ImageDataset& images, const Description& network);

/// Predicts a whole data set and evaluates it; `probabilities` get n x classes. `cache` may be null.
Evaluation evaluate_images(const Classifier& classifier, const ImageDataset& images, int positive, unsigned threads,
                           std::vector<float>& probabilities, FeatureCache* cache = nullptr);

/// Writes predictions.csv for a data set.
void write_predictions(const std::filesystem::path& file, const ImageDataset& images,
                       std::span<const float> probabilities);

/// The id of the class of that name, the first where it is empty.
int class_id(const std::vector<std::string>& classes, const std::string& name);

/// The folder of the project's own weights.
std::filesystem::path default_weights();

}  // namespace cxrnet::programs
