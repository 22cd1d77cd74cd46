#include "common/program.hpp"

#include <cxrnet/core/version.hpp>
#include <cxrnet/data/folder.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/report/confound.hpp>
#include <cxrnet/report/ethics.hpp>
#include <cxrnet/report/predictions_csv.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/fit.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <new>
#include <omp.h>
#include <set>

namespace cxrnet::programs {

namespace {

std::atomic<bool> stop_requested{false};

extern "C" void on_signal(int signal) {
  if (stop_requested.exchange(true)) std::_Exit(128 + signal);
}

/// The constants of the network that a model file records; FormatError where there is no such network.
const Description& describe_recorded(const Variant& variant, const std::filesystem::path& file) {
  try {
    return describe(variant);
  } catch (const ArgumentError& error) {
    throw FormatError("'" + file.string() + "' cannot be used by this version. " + error.what());
  }
}

}  // namespace

int run(CLI::App& app, int argc, char** argv, const std::function<int()>& program) {
  app.set_version_flag("--version", std::string(version));
  app.footer("\n" + std::string(ethical_note));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  try {
    return program();
  } catch (const std::bad_alloc&) {
    std::cerr << "error: There is not enough memory for this; use a smaller batch, or a machine with more.\n";
  } catch (const std::exception& error) {
    std::cerr << "error: " << printable(error.what()) << '\n';  // names out of files may hold escape sequences
  }
  return 1;
}

const std::atomic<bool>& interrupted() {
  static const bool installed = [] {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    return true;
  }();
  static_cast<void>(installed);
  return stop_requested;
}

void end_on_interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void use_threads(unsigned threads) {
  if (threads > 0) omp_set_num_threads(static_cast<int>(threads));
}

void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device,
                 "cpu; cuda, the first GPU, whose networks compute in half; auto, a GPU where one can be used")
      ->capture_default_str()->check(CLI::IsMember({"cpu", "cuda", "auto"}));
}

std::string chosen_device(const std::string& device) {
  if (device == "cpu") return device;
  const std::string problem = cuda_problem();
  if (problem.empty()) {
    if (device == "auto") std::cerr << "note: the network runs on the GPU.\n";
    return "cuda";
  }
  if (device == "cuda") throw BackendError("The network cannot run on a GPU: " + problem);
  std::cerr << "note: the network runs on the CPU, not on a GPU: " << problem << '\n';
  return "cpu";
}

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

std::unique_ptr<ImageDataset> open_images(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                                          BadImages bad_images, unsigned threads) {
  ImageFolder listed = list_image_folder(folder);
  if (!classes.empty()) match_classes(listed, classes);
  auto images = std::make_unique<ImageDataset>(std::move(listed),
                                               DatasetOptions{.bad_images = bad_images, .threads = threads});
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
                           std::vector<float>& probabilities, FeatureCache* cache) {
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

std::filesystem::path default_weights() { return std::filesystem::path(CXRNET_WEIGHTS) / "vgg16_imagenet_notop.safetensors"; }

}  // namespace cxrnet::programs
