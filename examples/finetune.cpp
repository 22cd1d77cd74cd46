// The two-phase recipe of transfer learning. Phase 1 trains the head on a frozen VGG16; phase 2 goes on from there, at a
// low rate, with VGG16's last blocks unfrozen: the same network as another type (FreezeThrough). Beside them a control
// trains the head alone for as many epochs as both, so that nobody takes longer training for fine-tuning's gain.
#include "common/algorithm_file.hpp"
#include "common/images.hpp"
#include "common/program.hpp"
#include "common/start_parameters.hpp"
#include "common/trained_files.hpp"
#include "common/training_run.hpp"
#include "finetune/comparison.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/report/ethics.hpp>
#include <cxrnet/report/gnuplot.hpp>
#include <cxrnet/report/history.hpp>
#include <cxrnet/report/history_plot.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/summary.hpp>
#include <cxrnet/train/fit.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <omp.h>
#include <utility>

using namespace cxrnet;
using namespace cxrnet::programs;
namespace fs = std::filesystem;

namespace {

struct Settings {
  TrainSettings head;  ///< phase 1's, and what all read
  // Phase 2's.
  int unfreeze_from = 5;
  int epochs = 0;  ///< 0: as many as phase 1
  double learning_rate = 1e-5;
  double backbone_rate = 1;
  std::string schedule = "constant";
  double weight_decay = 0;
  double clip_norm = 0;  ///< 0: none

  int seeds = 1;
  bool no_control = false;
};

/// The trainings of one seed, each a folder of this name.
constexpr std::array trainings{"phase1", "control", "phase2"};
constexpr std::array recipe_files{"comparison.json", "history.json", "history.csv", "history.svg", "history.png"};

/// What all seeds read.
struct Inputs {
  RunImages images;
  InputHashes hashes;
};

/// Keeps what a run ended in, for another to go on from.
struct LastState {
  TrainingState state{};
  void resumable(TrainingRun& run) {
    if (run.step() == 0) state = run.snapshot();
  }
};

/// "block 5 unfrozen" or "blocks 3 to 5 unfrozen".
std::string unfrozen(int from) {
  return from == 5 ? "block 5 unfrozen" : "blocks " + std::to_string(from) + " to 5 unfrozen";
}

/// One seed's run of the recipe.
class Recipe {
 public:
  Recipe(const Settings& settings, const Inputs& inputs, std::uint64_t seed, fs::path out)
      : s_(settings), inputs_(inputs), out_(std::move(out)) {
    s_.head.seed = seed;
  }

  /// Trains all there is. False where the user stopped it.
  bool train() {
    std::vector<float> trained;
    if (!train_heads(trained)) return false;
    const int before = static_cast<int>(history_.epochs.size());
    TrainSettings settings = s_.head;
    settings.epochs = before + s_.epochs;
    settings.learning_rate = s_.learning_rate;
    settings.backbone_rate = s_.backbone_rate;
    settings.schedule = s_.schedule;
    settings.unfreeze_from = s_.unfreeze_from;
    const auto net = make_net(settings, std::move(trained), s_.weight_decay,
                              s_.clip_norm > 0 ? Clip{ClipBy::global_norm, s_.clip_norm} : Clip{});
    net->set_group_rate("backbone", s_.backbone_rate);
    // Order and augmentation go on where phase 1 ended; the optimiser begins anew.
    TrainingState start;
    start.epoch = before;
    start.history = history_;
    start.learning_rate = s_.learning_rate;
    start.parameters = changing_parameters(net->description(), net->parameters());
    start.optimizer_state.assign(net->optimizer_state().begin(), net->optimizer_state().end());
    announce("Phase 2: " + unfrozen(s_.unfreeze_from), *net);
    const FitResult result = run("phase2", settings, *net, &start);
    history_ = result.history;
    phase_1_epochs_ = before;
    write_history_json(out_ / "history.json", history_);
    write_history_csv(out_ / "history.csv", history_);
    return !result.stopped;
  }

  /// Evaluates each model file on the test images; adds a name's figures to the `Compared` of that name.
  void test(std::vector<Compared>& models) const {
    for (Compared& model : models) {
      model.by_seed.push_back(test_model(out_ / model.name / "model.h5", *inputs_.images.test, inputs_.images.positive,
                                         s_.head.threads, s_.head.device));
    }
  }

  void draw() const {
    for (const char* ending : {"history.svg", "history.png"}) {
      for (const auto& [name, history] : histories_) write_history_plot(out_ / name / ending, history);
      write_history_plot(out_ / ending, history_, {phase_1_epochs_});
    }
  }

 private:
  /// Phase 1, whose parameters go into `trained`, and the control.
  bool train_heads(std::vector<float>& trained) {
    const auto net = make_net(s_.head, start_parameters(s_.head, *inputs_.images.train), 0, {});
    announce("Phase 1: the head, VGG16 frozen", *net);
    LastState last;
    const FitResult result = run("phase1", s_.head, *net, nullptr, &last);
    if (result.stopped) return false;
    trained.assign(net->parameters().begin(), net->parameters().end());
    history_ = result.history;
    if (s_.no_control) return true;
    TrainSettings longer = s_.head;
    longer.epochs += s_.epochs;
    announce("Control: phase 1 goes on for as many epochs as phase 2 will have, VGG16 still frozen", *net);
    return !run("control", longer, *net, &last.state).stopped;
  }

  std::unique_ptr<Classifier> make_net(const TrainSettings& settings, std::vector<float> parameters, double weight_decay,
                                       Clip clip) const {
    const Variant variant{.preprocess = settings.preprocess,
                          .augmenting = settings.augment ? Augmenting::yes : Augmenting::no,
                          .unfreeze_from = settings.unfreeze_from,
                          .device = settings.device};
    return make_classifier(variant, std::move(parameters), static_cast<int>(settings.batch), settings.seed,
                           {.learning_rate = settings.learning_rate, .weight_decay = weight_decay}, clip);
  }

  void announce(const std::string& what, const Classifier& net) const {
    const Classifier::Memory memory = net.memory();
    std::cout << '\n'
              << (s_.seeds > 1 ? "Seed " + std::to_string(s_.head.seed) + ". " : "") << what << ".\n"
              << detail::grouped(net.description().trainable_count) << " parameters train, at a rate of "
              << net.learning_rate() << "; a step of " << s_.head.batch << " images keeps "
              << detail::bytes_text(memory.training_arena + memory.gradients + memory.optimizer)
              << " of values, gradients and moments.\n"
              << std::flush;
  }

  /// One training, from the beginning or from a state, and its files. `last` may be null.
  FitResult run(const char* name, const TrainSettings& settings, Classifier& net, const TrainingState* from,
                LastState* last = nullptr) {
    const RunImages& images = inputs_.images;
    const int before = from != nullptr ? from->epoch : 0;
    Callbacks callbacks = callbacks_of(settings, settings.epochs - before, images.train->size());
    callbacks.add(ShowProgress());
    if (last != nullptr) callbacks.add(*last);
    const auto cache = open_feature_cache(settings.features, net);
    FitOptions options{.epochs = settings.epochs,
                       .batch = settings.batch,
                       .seed = settings.seed,
                       .random_numbers = settings.rng == "keras" ? RandomNumbers::keras : RandomNumbers::counter,
                       .cache = cache.get(),
                       .resume = from,
                       .threads = settings.threads,
                       .stop = &interrupted()};
    if (settings.class_weights == "balanced") options.class_weights = balanced_class_weights(*images.train);
    FitResult result = fit(net, *images.train, images.validation.get(), options, std::move(callbacks));
    if (result.stopped && result.steps == 0) return result;
    if (result.stopped) {
      std::cout << "Stopped at your request; what this phase has trained so far is being saved.\n";
    } else if (!result.stop_reason.empty()) {
      std::cout << "Stopped early: " << result.stop_reason << ".\n";
    }
    if (settings.early_stopping > 0) {
      std::cout << "The weights that are kept are those of the best epoch by " << settings.monitor << ".\n";
    }
    History own = result.history;
    own.epochs.erase(own.epochs.begin(), own.epochs.begin() + static_cast<std::ptrdiff_t>(before));
    const fs::path folder = out_ / name;
    write_trained(folder, net, images.train->classes(), own);
    write_run_record(folder / "run.json", settings, inputs_.hashes, net, *images.train, *images.validation,
                     images.test.get(), result);
    if (!own.epochs.empty()) histories_.emplace_back(name, std::move(own));
    return result;
  }

  Settings s_;
  const Inputs& inputs_;
  fs::path out_;
  History history_;  // of both phases
  int phase_1_epochs_ = 0;
  std::vector<std::pair<std::string, History>> histories_;  // of each training, by its name
};

/// The models that are tested, in the order in which they are shown.
std::vector<Compared> models_of(const Settings& s) {
  const auto epochs = [&](const std::string& count) {
    return (s.head.early_stopping > 0 ? ", at most " : ", ") + count + (count == "1" ? " epoch" : " epochs");
  };
  const std::string one = std::to_string(s.head.epochs);
  const std::string both = one + " + " + std::to_string(s.epochs);
  std::vector<Compared> models{{"phase1", "head alone" + epochs(one), {}}};
  if (!s.no_control) models.push_back({"control", "head alone" + epochs(both), {}});
  models.push_back({"phase2", unfrozen(s.unfreeze_from) + epochs(both), {}});
  return models;
}

nlohmann::ordered_json recipe_json(const Settings& s) {
  nlohmann::ordered_json json = settings_json(s.head);
  json["unfreeze_from"] = s.unfreeze_from;
  json["backbone_rate"] = s.backbone_rate;
  json.update({{"epochs_2", s.epochs},
               {"learning_rate_2", s.learning_rate},
               {"schedule_2", s.schedule},
               {"weight_decay_2", s.weight_decay},
               {"clip_norm_2", s.clip_norm}});
  return json;
}

/// FileError unless the recipe can write all its files, and finds no other run's.
void prepare(const fs::path& out) {
  for (const char* name : trainings) {
    if (fs::exists(out / name) && !fs::is_empty(out / name)) {
      throw FileError("'" + (out / name).string() + "' is not empty: remove it, or give another folder with --out.");
    }
  }
  for (const char* name : trainings) require_run_folder(out / name);
  for (const char* name : recipe_files) require_writable(out / name);
}

int finetune(Settings s) {
  if (s.unfreeze_from < 1 || s.unfreeze_from > 5) {
    throw ArgumentError("There is nothing to unfreeze from block " + std::to_string(s.unfreeze_from) +
                        " on: VGG16 has the blocks 1 to 5, and `train` is for the head alone.");
  }
  if (s.epochs == 0) s.epochs = s.head.epochs;
  const auto out_of = [&](std::uint64_t seed) {
    return s.seeds > 1 ? s.head.out / ("seed" + std::to_string(seed)) : s.head.out;
  };
  require_gnuplot();
  const std::uint64_t last = s.head.seed + static_cast<std::uint64_t>(s.seeds);
  for (std::uint64_t seed = s.head.seed; seed < last; ++seed) prepare(out_of(seed));
  require_writable(s.head.out / "comparison.json");
  use_threads(s.head.threads);
  s.head.network_threads = omp_get_max_threads();
  Inputs inputs{open_run_images(s.head, describe({.preprocess = s.head.preprocess})), {}};
  inputs.hashes = read_inputs(s.head, inputs.images);
  const RunImages& images = inputs.images;
  const std::string doubles = doubles_warning(inputs.hashes, *images.train, *images.validation, images.test.get());
  if (!doubles.empty()) std::cerr << doubles << '\n';

  AlgorithmFile algorithms(s.head.algorithms);
  std::vector<Compared> models = models_of(s);
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = s.head.seed; seed < last; ++seed) {
    Recipe recipe(s, inputs, seed, out_of(seed));
    if (!recipe.train()) break;
    recipe.test(models);
    algorithms.keep();
    seeds.push_back(seed);
    recipe.draw();
  }
  if (!seeds.empty()) {
    nlohmann::ordered_json json = {{"note", ethical_note}, {"recipe", recipe_json(s)}};
    json.update(comparison_json(models, seeds));
    write_atomically(s.head.out / "comparison.json", json_text(json));
    std::cout << '\n' << comparison_table(models, seeds);
  }
  const bool stopped = seeds.size() < static_cast<std::size_t>(s.seeds);
  std::cout << (stopped ? "\nStopped at your request. What was trained is in " : "\nWritten to ") << s.head.out.string()
            << '\n';
  return stopped ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Fine-tunes VGG16 in two phases: the head on frozen features, then the last blocks too, at a low rate.\n"
      "RUN/phase1 and RUN/phase2 get the models. RUN/control is phase 1 continued, VGG16 frozen, for as many epochs as\n"
      "phase 2: compare phase 2 with it, not with phase 1 alone. Epochs are chosen by validation (--early-stopping) or\n"
      "not at all; the test images are looked at once, when all of a seed's training is done.");
  Settings s;
  TrainSettings& head = s.head;
  head.weights = default_weights();
  add_data_options(app, head);
  add_feature_options(app, head.features);
  for (const char* name : {"--train", "--val", "--test"}) app.get_option(name)->required();
  app.add_option("--out", head.out, "Folder to write everything to; of several seeds, a folder in it for each")->required();
  const auto rate = CLI::Range(0.0, 1e3);
  app.add_option("--unfreeze-from", s.unfreeze_from,
                 "First of VGG16's blocks that trains in phase 2, 1 to 5. From block 1, batches of 32 take about 6 GB of\n"
                 "memory in all: lower --batch where there is less")->capture_default_str();
  app.add_option("--epochs", head.epochs, "Epochs of each phase")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--epochs-2", s.epochs, "Epochs of phase 2, where it has others")->check(CLI::Range(1, 100000));
  app.add_option("--learning-rate", head.learning_rate, "Adam's in phase 1")->capture_default_str()->check(rate);
  app.add_option("--learning-rate-2", s.learning_rate, "Adam's in phase 2")->capture_default_str()->check(rate);
  app.add_option("--backbone-rate", s.backbone_rate, "Phase 2: times the learning rate, for VGG16's own layers")
      ->capture_default_str()->check(rate);
  add_schedule_option(app, s.schedule, "Phase 2's learning rate");
  app.add_option("--weight-decay", s.weight_decay, "Phase 2: decoupled, as AdamW's")->capture_default_str()->check(rate);
  app.add_option("--clip-norm", s.clip_norm, "Phase 2: the norm of all gradients together is held within this")
      ->check(CLI::PositiveNumber);
  app.add_flag("--no-control", s.no_control, "Leave the control out");
  app.add_option("--seeds", s.seeds, "Repeat with so many seeds, from --seed on, and give mean and standard deviation")
      ->capture_default_str()->check(CLI::Range(1, 1000));
  return run(app, argc, argv, [&] {
    head.device = chosen_device(head.device);
    return finetune(s);
  });
}
