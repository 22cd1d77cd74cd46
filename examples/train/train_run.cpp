#include "train/train_run.hpp"

#include "common/algorithm_file.hpp"
#include "common/images.hpp"
#include "common/program.hpp"
#include "common/run_record.hpp"
#include "common/start_parameters.hpp"
#include "common/trained_files.hpp"
#include "common/training_run.hpp"
#include "train/fit_run.hpp"
#include "train/profile.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/checkpoint.hpp>
#include <cxrnet/report/gnuplot.hpp>
#include <cxrnet/report/history_plot.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/report/text_report.hpp>

#include <array>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <omp.h>
#include <optional>
#include <utility>

namespace cxrnet::programs {

namespace {

/// What a run starts from: settings, and where it is resumed, a checkpoint and what that run had read.
struct Start {
  TrainSettings settings;
  std::optional<SavedRun> saved;
  std::optional<Checkpoint> checkpoint;
  OtherAlgorithms other = OtherAlgorithms::refuse;
};

constexpr std::array plot_files{"history.svg", "history.png"};

int train(Start start) {
  require_gnuplot();
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
  const std::shared_future<InputHashes> reading = std::async(std::launch::async, [&] { return read_inputs(settings, images); });
  if (on_trial() || !settings.algorithms.empty()) reading.get();  // what is timed is timed alone
  const auto net = make_classifier(variant, start_parameters(settings, *images.train), static_cast<int>(settings.batch), settings.seed);
  algorithms.keep();
  net->set_learning_rate(settings.learning_rate);
  if (settings.backbone_rate != 1) net->set_group_rate("backbone", settings.backbone_rate);
  const InputHashes& hashes = reading.get();
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
  FitTimes times;
  const FitResult result = fit_run(settings, *net, images, metadata, resuming ? &start.checkpoint->state : nullptr, cache.get(), times);
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
  if (settings.profile) print_profile(*net, times.frozen, times.trained, result.step_seconds);
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

}  // namespace

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
  chosen_device(saved.settings.device);  // which takes --cuda-plans too: a trial may have chosen the run's
  remove_leftovers(folder);
  auto checkpoint = read_checkpoint(folder);
  if (checkpoint && !checkpoint->note.empty()) std::cerr << "note: " << printable(checkpoint->note) << '\n';
  return train({saved.settings, saved, std::move(checkpoint), other});
}

}  // namespace cxrnet::programs
