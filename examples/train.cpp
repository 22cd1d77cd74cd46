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
#include <iostream>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

/// Shows the run as Keras users know it.
class ProgressObserver : public FitObserver {
 public:
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

void print_profile(const Classifier& net, const Profile& profile) {
  std::vector<LayerTime> rows;
  for (std::size_t i = 0; i < profile.seconds.size(); ++i) {
    const op::Operation& o = net.fused()[i];
    const auto& layer = net.description().layers[static_cast<std::size_t>(o.layer)];
    rows.push_back({std::string(layer.name.view()), describe(o), profile.seconds[i] * 1e3,
                    op::flops(o) * profile.images});
  }
  std::cout << profile_table(rows);
}

int train(const TrainSettings& settings) {
  ensure_folder(settings.out);
  for (const char* name : {"model.h5", "model.safetensors", "history.json", "history.csv", "history.svg", "history.png",
                           "run.json", "metrics.json", "predictions.csv"}) {
    require_writable(settings.out / name);
  }
  use_threads(settings.threads);
  const Variant variant{settings.preprocess, settings.no_augment ? Augmenting::no : Augmenting::yes};
  const BadImages bad = settings.skip_bad ? BadImages::skip : BadImages::fail;
  const auto images = open_images(settings.train, {}, bad, settings.threads);
  require_class_count(*images, describe(variant));
  const auto validation = open_images(settings.val, images->classes(), bad, settings.threads);
  std::unique_ptr<ImageDataset> test;
  if (!settings.test.empty()) test = open_images(settings.test, images->classes(), bad, settings.threads);
  const int positive = class_id(images->classes(), settings.positive);

  const auto net = make_classifier(variant, start_parameters(variant, settings), static_cast<int>(settings.batch),
                                   settings.seed);
  std::cout << "Training on " << images->size() << " images of " << images->classes().size() << " classes, validating on "
            << validation->size() << ".\n";

  Profile profile;
  FitOptions options{.epochs = settings.epochs,
                     .batch = settings.batch,
                     .seed = settings.seed,
                     .random_numbers = settings.rng == "keras" ? RandomNumbers::keras : RandomNumbers::counter,
                     .threads = settings.threads,
                     .stop = &interrupted()};
  if (settings.profile) {
    for (const auto& o : net->fused()) profile.seconds.resize(profile.seconds.size() + (o.layer < net->description().cut ? 1 : 0));
    options.profile = &profile;
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
  for (const char* name : {"metrics.json", "predictions.csv", "history.svg", "history.png"}) {
    std::filesystem::remove(settings.out / name);
  }
  write_history_json(settings.out / "history.json", result.history);
  write_history_csv(settings.out / "history.csv", result.history);
  write_run_record(settings.out / "run.json", settings, *net, *images, *validation, test.get(), result);
  if (settings.profile) print_profile(*net, profile);

  if (test != nullptr && !result.stopped) {
    std::vector<float> probabilities;
    const Evaluation evaluation = evaluate_images(*net, *test, positive, settings.threads, probabilities);
    write_metrics_json(settings.out / "metrics.json", evaluation);
    write_predictions(settings.out / "predictions.csv", *test, probabilities);
    std::cout << '\n' << text_report(evaluation);
  }
  // Last, because another program draws them.
  if (!result.history.epochs.empty()) {
    write_history_plot(settings.out / "history.svg", result.history);
    write_history_plot(settings.out / "history.png", result.history);
  }
  std::cout << "\nWritten to " << settings.out.string() << ": model.h5, model.safetensors, history.json, history.csv, "
            << (result.history.epochs.empty() ? "" : "history.svg, history.png, ") << "run.json" << (test != nullptr && !result.stopped ? ", metrics.json, predictions.csv" : "")
            << ".\n";
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
