// Trains the reference's classifier on class folders: frozen VGG16, global average pooling, Dense 128 ReLU, Dense 2
// softmax. Writes the model, its history, plots and everything needed to repeat the run.
#include "common/program.hpp"
#include "common/run_record.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/report/history.hpp>
#include <cxrnet/report/history_plot.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/profile.hpp>
#include <cxrnet/report/progress.hpp>
#include <cxrnet/report/text_report.hpp>
#include <cxrnet/train/fit.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <future>
#include <iostream>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

/// Shows the run as Keras users know it.
class ProgressObserver : public FitObserver {
 public:
  void features_begin(std::size_t images) override {
    std::cout << "Computing the features of " << images << " images, once: nothing changes them from epoch to epoch.\n"
              << std::flush;
  }
  void epoch_begin(int epoch, int epochs, std::size_t steps) override {
    progress_.on_epoch_begin(epoch, epochs, static_cast<int>(steps));
    seen_ = 0;
  }
  void batch_end(std::size_t step, std::size_t samples, double loss, double accuracy) override {
    progress_.on_batch_end(static_cast<int>(step), static_cast<int>(samples - seen_), loss, accuracy);
    seen_ = samples;
  }
  void validation_begin() override { progress_.on_validation_begin(); }
  void epoch_end(const EpochRecord& record) override { progress_.on_epoch_end(record); }

 private:
  Progress progress_{std::cout};
  std::size_t seen_ = 0;
};

/// Random parameters, the frozen ones from a weight file, which may have another head or none.
std::vector<float> start_parameters(const Variant& variant, const TrainSettings& settings) {
  if (!std::filesystem::exists(settings.weights)) {
    throw FileError("There are no weights at '" + settings.weights.string() +
                    "': run `bash weights/fetch.sh`, or name a file with --weights.");
  }
  std::vector<float> parameters = initial_parameters(variant, settings.seed);
  take_parameters(describe(variant), read_weights(settings.weights), settings.weights.string(), Which::frozen,
                  parameters);
  return parameters;
}

/// Time by layer: the frozen ones, the forward of those that train, and what their steps took besides.
void print_profile(const Classifier& net, const Profile& frozen, const Profile& trained, double step_seconds) {
  std::vector<LayerTime> rows;
  const auto add = [&](const op::Operation& o, double seconds, double images) {
    const auto& layer = net.description().layers[static_cast<std::size_t>(o.layer)];
    rows.push_back({std::string(layer.name.view()), describe(o), seconds * 1e3, op::flops(o) * images});
  };
  for (std::size_t i = 0; i < frozen.seconds.size(); ++i) add(net.fused()[i], frozen.seconds[i], frozen.images);
  for (std::size_t i = 0; i < trained.seconds.size(); ++i) {
    add(net.trained()[i], trained.seconds[i], trained.images);
    step_seconds -= trained.seconds[i];
  }
  rows.push_back({"all that trains", "loss, backward, optimiser", step_seconds * 1e3, 0});
  std::cout << profile_table(rows);
}

constexpr std::array model_files{"model.h5", "model.safetensors", "history.json", "history.csv", "run.json"};
constexpr std::array plot_files{"history.svg", "history.png"};
constexpr std::array test_files{"metrics.json", "predictions.csv"};

int train(const TrainSettings& settings) {
  ensure_folder(settings.out);
  for (const char* name : model_files) require_writable(settings.out / name);
  for (const char* name : plot_files) require_writable(settings.out / name);
  for (const char* name : test_files) require_writable(settings.out / name);
  use_threads(settings.threads);
  const Variant variant{settings.preprocess, settings.no_augment ? Augmenting::no : Augmenting::yes};
  const BadImages bad = settings.skip_bad ? BadImages::skip : BadImages::fail;
  const auto images = open_images(settings.train, {}, bad, settings.threads);
  require_class_count(*images, describe(variant));
  const auto validation = open_images(settings.val, images->classes(), bad, settings.threads);
  std::unique_ptr<ImageDataset> test;
  if (!settings.test.empty()) test = open_images(settings.test, images->classes(), bad, settings.threads);
  const int positive = class_id(images->classes(), settings.positive);

  // While the network is being built: what was read, and whether all that is evaluated later can be.
  auto reading = std::async(std::launch::async, [&] {
    validation->decode_all();
    if (test != nullptr) test->decode_all();
    return hash_inputs(settings, *images, *validation, test.get());
  });
  const auto net = make_classifier(variant, start_parameters(variant, settings), static_cast<int>(settings.batch),
                                   settings.seed);
  const InputHashes hashes = reading.get();
  const std::string doubles = doubles_warning(hashes, *images, *validation, test.get());
  if (!doubles.empty()) std::cerr << doubles << '\n';
  std::cout << "Training on " << images->size() << " images of " << images->classes().size()
            << " classes, validating on " << validation->size() << ".\n";

  FitOptions options{.epochs = settings.epochs,
                     .batch = settings.batch,
                     .seed = settings.seed,
                     .random_numbers = settings.rng == "keras" ? RandomNumbers::keras : RandomNumbers::counter,
                     .threads = settings.threads,
                     .stop = &interrupted()};
  Profile frozen;
  Profile trained;
  if (settings.profile) {
    options.profile = &frozen;
    net->set_profile(&trained);
  }
  ProgressObserver observer;
  const FitResult result = fit(*net, *images, validation.get(), options, &observer);
  if (result.stopped && result.steps == 0) {
    std::cout << "Stopped at your request before the first step: nothing has been trained, and nothing was written.\n";
    return 130;
  }
  if (result.stopped) std::cout << "Stopped at your request; what has been trained so far is being saved.\n";

  const auto metadata = model_metadata(*net, images->classes());
  save_model(settings.out / "model.h5", net->description(), net->parameters(), metadata);
  save_model(settings.out / "model.safetensors", net->description(), net->parameters(), metadata);
  // What an earlier run left here is of another model.
  for (const char* name : plot_files) std::filesystem::remove(settings.out / name);
  for (const char* name : test_files) std::filesystem::remove(settings.out / name);
  write_history_json(settings.out / "history.json", result.history);
  write_history_csv(settings.out / "history.csv", result.history);
  write_run_record(settings.out / "run.json", settings, hashes, *net, *images, *validation, test.get(), result);
  if (settings.profile) print_profile(*net, frozen, trained, result.step_seconds);
  end_on_interrupt();

  const bool tested = test != nullptr && !result.stopped;
  if (tested) {
    std::vector<float> probabilities;
    const Evaluation evaluation = evaluate_images(*net, *test, positive, settings.threads, probabilities);
    write_metrics_json(settings.out / "metrics.json", evaluation);
    write_predictions(settings.out / "predictions.csv", *test, probabilities);
    std::cout << '\n' << text_report(evaluation);
  }
  // Last, because another program draws them.
  const bool drawn = !result.history.epochs.empty();
  if (drawn) {
    for (const char* name : plot_files) write_history_plot(settings.out / name, result.history);
  }
  std::cout << "\nWritten to " << settings.out.string() << ":";
  for (const char* name : model_files) std::cout << ' ' << name;
  for (const char* name : plot_files) std::cout << (drawn ? " " : "") << (drawn ? name : "");
  for (const char* name : test_files) std::cout << (tested ? " " : "") << (tested ? name : "");
  std::cout << '\n';
  return result.stopped ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains a chest X-ray classifier on class folders: frozen VGG16 and a small head.");
  TrainSettings settings;
  settings.weights = default_weights();
  app.add_option("--train", settings.train, "Folder of training images, one subfolder for each of two classes")->required();
  app.add_option("--val", settings.val, "Folder of validation images, with the same classes")->required();
  app.add_option("--test", settings.test, "Folder of test images: evaluated once, after training");
  app.add_option("--out", settings.out, "Folder to write the model, history, plots and metrics to")->required();
  app.add_option("--weights", settings.weights, "VGG16's convolutions (safetensors or Keras .h5)")->capture_default_str();
  app.add_option("--epochs", settings.epochs, "Passes over the training images")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--batch", settings.batch, "Images a step")->capture_default_str()->check(CLI::Range(1, 4096));
  app.add_option("--seed", settings.seed, "Of the head's first weights, the order and the augmentation")->capture_default_str();
  app.add_option("--rng", settings.rng, "counter: draws depend on seed, epoch and image alone; keras: numpy's, as Keras's generator draws them")
      ->capture_default_str()->check(CLI::IsMember({"counter", "keras"}));
  app.add_option("--preprocess", settings.preprocess, "rescale: by 1/255, the reference's; imagenet: what the weights were trained with, usually more accurate")
      ->capture_default_str()->check(CLI::IsMember({"rescale", "imagenet"}));
  app.add_flag("--no-augment", settings.no_augment, "Train on the images as they are; their features are computed once");
  app.add_option("--positive", settings.positive, "Class that precision, recall and AUC are about; default: the first by name");
  app.add_option("--threads", settings.threads, "Processor threads to use; default: all")->check(CLI::Range(1, 1024));
  app.add_flag("--profile", settings.profile, "Print the time by layer");
  app.add_flag("--skip-bad", settings.skip_bad, "Go on without images that cannot be read, and list them");
  return run(app, argc, argv, [&] { return train(settings); });
}
