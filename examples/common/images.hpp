#pragma once
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/feature_store.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

// Class folders, as the programs open and evaluate them.
namespace cxrnet::programs {

/// Lists and opens a folder of class folders for the network; prints what is skipped and the warning where format or
/// size separates the classes. DataError where its classes are not `classes` (any, where that is empty). `decoder` may be null.
std::unique_ptr<ImageDataset> open_images(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                                          BadImages bad_images, unsigned threads, const ImageDecoder* decoder);

/// DataError unless the folder has exactly as many classes as the network's output.
void require_class_count(const ImageDataset& images, const Description& network);

/// Predicts a whole data set and evaluates it; `probabilities` get n x classes. `cache` may be null.
Evaluation evaluate_images(const Classifier& classifier, const ImageDataset& images, int positive, unsigned threads,
                           std::vector<float>& probabilities, FeatureStore* cache = nullptr);

/// Writes predictions.csv for a data set.
void write_predictions(const std::filesystem::path& file, const ImageDataset& images,
                       std::span<const float> probabilities);

/// The id of the class of that name, the first where it is empty.
int class_id(const std::vector<std::string>& classes, const std::string& name);

}  // namespace cxrnet::programs
