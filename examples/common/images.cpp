#include "common/images.hpp"

#include <cxrnet/data/folder.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/report/confound.hpp>
#include <cxrnet/report/predictions_csv.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/fit.hpp>

#include <algorithm>
#include <iostream>

namespace cxrnet::programs {

std::unique_ptr<ImageDataset> open_images(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                                          BadImages bad_images, unsigned threads, const ImageDecoder* decoder) {
  ImageFolder listed = list_image_folder(folder);
  if (!classes.empty()) match_classes(listed, classes);
  auto images = std::make_unique<ImageDataset>(std::move(listed),
                                               DatasetOptions{.bad_images = bad_images, .threads = threads, .decoder = decoder});
  for (const auto& rejected : images->rejected()) std::cerr << "skipped: " << printable(rejected.reason) << '\n';
  std::vector<FileTraits> traits;
  for (const auto& item : images->items()) {
    const ImageInfo info = inspect_image(item.file);  // what is no image ends a run here, not hours later
    traits.push_back({info.format == ImageFormat::jpeg ? "JPEG" : "PNG", info.width, info.height, item.label});
  }
  if (const auto warning = confound_warning(find_confounds(traits, images->classes()))) {
    std::cerr << printable(folder.string()) << ": " << *warning << '\n';
  }
  return images;
}

void require_class_count(const ImageDataset& images, const Description& network) {
  if (images.classes().size() == network.output.size()) return;
  throw DataError("The folder " + images.root().string() + " has " + std::to_string(images.classes().size()) +
                  " classes (" + detail::list_names(images.classes()) + ") where the network has " +
                  std::to_string(network.output.size()) + " outputs: keep just these, one subfolder each.");
}

Evaluation evaluate_images(const Classifier& classifier, const ImageDataset& images, int positive, unsigned threads,
                           std::vector<float>& probabilities, FeatureStore* cache) {
  probabilities = predict_all(classifier, images, {.threads = threads, .cache = cache});
  return evaluate_predictions(detail::labels_of(images), probabilities, images.classes(), positive);
}

void write_predictions(const std::filesystem::path& file, const ImageDataset& images,
                       std::span<const float> probabilities) {
  std::vector<std::string> files;
  for (const auto& item : images.items()) files.push_back(item.name);
  write_predictions_csv(file, files, detail::labels_of(images), probabilities, images.classes());
}

int class_id(const std::vector<std::string>& classes, const std::string& name) {
  if (name.empty()) return 0;
  const auto found = std::find(classes.begin(), classes.end(), name);
  if (found != classes.end()) return static_cast<int>(found - classes.begin());
  throw ArgumentError("There is no class '" + name + "' to be the positive one: the classes are " +
                      detail::list_names(classes) + ".");
}

}  // namespace cxrnet::programs
