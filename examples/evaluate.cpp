// Evaluates a trained model on class folders.
#include "common/algorithm_file.hpp"
#include "common/program.hpp"
#include "common/model_file.hpp"
#include "common/images.hpp"
#include "common/run_record.hpp"
#include "common/settings.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/report/text_report.hpp>

#include <CLI/CLI.hpp>
#include <iostream>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

struct Settings {
  std::filesystem::path model;
  std::filesystem::path data;
  std::string positive;
  std::filesystem::path json;
  std::filesystem::path csv;
  unsigned threads = 0;
  FeatureSettings features;
  std::filesystem::path algorithms;
  std::string device = "cpu";
  std::string decode = "cpu";
  bool skip_bad = false;
};

int evaluate(const Settings& settings) {
  for (const auto& output : {settings.json, settings.csv}) {
    if (!output.empty()) require_writable(output);
  }
  use_threads(settings.threads);
  AlgorithmFile algorithms(settings.algorithms);
  const LoadedModel model = load_model(settings.model, 32, chosen_device(settings.device));
  algorithms.keep();
  const auto images = open_images(settings.data, model.names_classes ? model.classes : std::vector<std::string>{},
                                  settings.skip_bad ? BadImages::skip : BadImages::fail, settings.threads,
                                  decoder_of(settings.decode));
  require_class_count(*images, model.classifier->description());
  if (!model.names_classes) {
    std::cerr << "note: " << printable(settings.model.string())
              << " names no classes: its outputs are taken to be the folder's classes in order of their names.\n";
  }
  const int positive = class_id(images->classes(), settings.positive);
  std::vector<float> probabilities;
  const auto cache = open_feature_cache(settings.features, *model.classifier);
  const Evaluation evaluation =
      evaluate_images(*model.classifier, *images, positive, settings.threads, probabilities, cache.get());
  std::cout << text_report(evaluation);
  if (!settings.json.empty()) write_metrics_json(settings.json, evaluation);
  if (!settings.csv.empty()) write_predictions(settings.csv, *images, probabilities);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Evaluates a trained classifier on class folders: accuracy, precision, recall, F1, AUC.");
  Settings settings;
  app.add_option("--model", settings.model, "Model file: safetensors, or Keras's .keras or .h5")->required();
  app.add_option("--data", settings.data, "Folder of images, one subfolder for each class")->required();
  app.add_option("--positive", settings.positive, "Class that the figures are about; default: the first by name");
  app.add_option("--json", settings.json, "Write every figure to this file");
  app.add_option("--csv", settings.csv, "Write each image's probabilities to this file");
  app.add_option("--threads", settings.threads, "Processor threads to use; default: all")->check(CLI::Range(1, 1024));
  add_feature_options(app, settings.features);
  add_algorithms_option(app, settings.algorithms);
  add_device_option(app, settings.device);
  add_decode_option(app, settings.decode);
  app.add_flag("--skip-bad", settings.skip_bad, "Go on without images that cannot be read, and list them");
  return run(app, argc, argv, [&] { return evaluate(settings); });
}
