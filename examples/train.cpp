// Trains the reference's classifier on class folders: frozen VGG16, global average pooling, Dense 128 ReLU, Dense 2
// softmax. Writes the model, its history, plots and everything needed to repeat the run; continues one that was ended.
#include "common/algorithm_file.hpp"
#include "common/program.hpp"
#include "common/run_folder.hpp"
#include "common/run_record.hpp"
#include "common/training_run.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/checkpoint.hpp>
#include <cxrnet/report/history_plot.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/profile.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/report/text_report.hpp>
#include <cxrnet/train/checkpointing.hpp>
#include <cxrnet/train/fit.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <future>
#include <iostream>
#include <omp.h>
#include <optional>
#include <utility>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

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

/// What a run starts from: settings, and where it is resumed, a checkpoint and what that run had read.
struct Start {
  TrainSettings settings;
  std::optional<SavedRun> saved;
  std::optional<Checkpoint> checkpoint;
  OtherAlgorithms other = OtherAlgorithms::refuse;
};

constexpr std::array plot_files{"history.svg", "history.png"};

int train(Start start) {
  const TrainSettings& settings = start.settings;
  const bool resuming = start.checkpoint.has_value();
  use_threads(static_cast<unsigned>(settings.network_threads));
  const Variant variant{.preprocess = settings.preprocess,
                        .augmenting = settings.augment ? Augmenting::yes : Augmenting::no,
                        .unfreeze_from = settings.unfreeze_from,
                        .precision = settings.precision,
                        .device = settings.device};
  const RunImages images = open_run_images(settings, describe(variant));
  SavedRun run{settings, nullptr};
  if (!start.saved) begin_run(run);

  // While the network is being built: what was read, and whether all that is evaluated later can be.
  AlgorithmFile algorithms(settings.algorithms);
  auto reading = std::async(std::launch::async, [&] { return read_inputs(settings, images); });
  const auto net = make_classifier(variant, start_parameters(settings, *images.train), static_cast<int>(settings.batch), settings.seed);
  algorithms.keep();
  net->set_learning_rate(settings.learning_rate);
  if (settings.backbone_rate != 1) net->set_group_rate("backbone", settings.backbone_rate);
  const InputHashes hashes = reading.get();
  const std::string doubles = doubles_warning(hashes, *images.train, *images.validation, images.test.get());
  if (!doubles.empty()) std::cerr << doubles << '\n';

  run.inputs = inputs_json(hashes, *images.train, *images.validation, images.test.get());
  const auto metadata = checkpoint_metadata(settings, run.inputs, *net);
  if (resuming) {
    const std::string note = require_unchanged(start.checkpoint->metadata, *start.saved, metadata, run.inputs, start.other);
    if (!note.empty()) std::cerr << note << '\n';
    const TrainingState& state = start.checkpoint->state;
    std::cout << "Continuing after " << state.epoch << " epochs and " << state.batches << " steps.\n";
  } else {
    if (start.saved) std::cout << "The run had no checkpoint yet: it begins again.\n";
    save_run(run);
  }
  std::cout << "Training on " << images.train->size() << " images of " << images.train->classes().size()
            << " classes, validating on " << images.validation->size() << ".\n";

  const auto cache = open_feature_cache(settings.features, *net);
  FitOptions options{.epochs = settings.epochs,
                     .batch = settings.batch,
                     .seed = settings.seed,
                     .random_numbers = settings.rng == "keras" ? RandomNumbers::keras : RandomNumbers::counter,
                     .views = settings.views,
                     .cache = cache.get(),
                     .resume = resuming ? &start.checkpoint->state : nullptr,
                     .threads = settings.threads,
                     .stop = &interrupted()};
  if (settings.class_weights == "balanced") options.class_weights = balanced_class_weights(*images.train);
  Profile frozen;
  Profile trained;
  if (settings.profile) {
    options.profile = &frozen;
    net->set_profile(&trained);
  }
  Callbacks callbacks = callbacks_of(settings, settings.epochs, images.train->size());
  callbacks.add(ShowProgress());
  callbacks.add(Checkpointing(settings.out, metadata, {.steps = settings.checkpoint_every}));
  const FitResult result = fit(*net, *images.train, images.validation.get(), options, std::move(callbacks));
  const std::string how_to_resume = "`train --resume " + settings.out.string() + "` continues from here.";
  if (result.stopped && net->steps() == 0) {
    std::cout << "Stopped at your request before the first step: nothing has been trained. " << how_to_resume << '\n';
    return 130;
  }
  if (result.stopped) {
    std::cout << "Stopped at your request; what has been trained so far is being saved. " << how_to_resume << '\n';
  } else if (!result.stop_reason.empty()) {
    std::cout << "Stopped early: " << result.stop_reason << "; the weights are those of the best epoch.\n";
  }

  write_trained(settings.out, *net, images.train->classes(), result.history);
  write_run_record(settings.out / "run.json", settings, hashes, *net, *images.train, *images.validation,
                   images.test.get(), result);
  if (settings.profile) print_profile(*net, frozen, trained, result.step_seconds);
  end_on_interrupt();

  std::vector<std::string> written{"model.h5", "model.safetensors", "history.json", "history.csv", "run.json"};
  if (images.test != nullptr && !result.stopped) {
    std::vector<float> probabilities;
    const Evaluation evaluation = evaluate_images(*net, *images.test, images.positive, settings.threads, probabilities, cache.get());
    write_metrics_json(settings.out / "metrics.json", evaluation);
    write_predictions(settings.out / "predictions.csv", *images.test, probabilities);
    std::cout << '\n' << text_report(evaluation);
    written.insert(written.end(), {"metrics.json", "predictions.csv"});
  }
  if (!result.history.epochs.empty()) {
    // Last, because another program draws them.
    for (const char* name : plot_files) {
      write_history_plot(settings.out / name, result.history);
      written.emplace_back(name);
    }
  }
  if (cache != nullptr) {
    std::cout << "Features: " << cache->found() << " sets taken from " << settings.features.cache.string() << ", "
              << cache->computed() << " computed.\n";
  }
  if (!result.stopped) run.progress = RunProgress::finished;
  save_run(run);
  std::cout << "\nWritten to " << settings.out.string() << ":";
  for (const std::string& name : written) std::cout << ' ' << name;
  std::cout << '\n';
  return result.stopped ? 130 : 0;
}

/// A new run of these settings.
int train_anew(TrainSettings& settings) {
  if (settings.train.empty() || settings.val.empty() || settings.out.empty()) {
    throw ArgumentError("A new run needs --train, --val and --out; --resume RUN continues one that was ended.");
  }
  settings.network_threads = settings.threads != 0 ? static_cast<int>(settings.threads) : omp_get_max_threads();
  require_run_folder(settings.out);
  const FolderLock lock(settings.out);
  remove_leftovers(settings.out);
  return train({settings, {}, {}});
}

int train_on(const std::filesystem::path& folder, OtherAlgorithms other) {
  const FolderLock lock(folder);
  const SavedRun saved = read_run(folder);
  if (saved.progress == RunProgress::finished) {
    std::cout << "The run in " << folder.string() << " is finished: there is nothing to continue.\n";
    return 0;
  }
  require_run_folder(folder);
  remove_leftovers(folder);
  auto checkpoint = read_checkpoint(folder);
  if (checkpoint && !checkpoint->note.empty()) std::cerr << "note: " << printable(checkpoint->note) << '\n';
  return train({saved.settings, saved, std::move(checkpoint), other});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains a chest X-ray classifier on class folders: frozen VGG16 and a small head.");
  TrainSettings settings;
  settings.weights = default_weights();
  add_options(app, settings);
  std::filesystem::path folder;
  bool other = false;
  const CLI::Option* resumed = app.add_option("--resume", folder, "Continue the run in this folder, with its own settings");
  const CLI::Option* allowed = app.add_flag("--allow-different-algorithms", other,
                                            "Continue although the network is computed otherwise than where the run began");
  return run(app, argc, argv, [&] {
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() == 0 || option == resumed || (resumed->count() > 0 && option == allowed)) continue;
      if (option == allowed) throw ArgumentError("--allow-different-algorithms belongs to --resume.");
      if (resumed->count() > 0) {
        throw ArgumentError("--resume takes all settings from the run: leave out " + option->get_name() + ".");
      }
    }
    if (resumed->count() > 0) return train_on(folder, other ? OtherAlgorithms::allow : OtherAlgorithms::refuse);
    settings.device = chosen_device(settings.device);
    settings.precision = chosen_precision(settings);
    return train_anew(settings);
  });
}
