// Trains the reference's classifier on class folders: frozen VGG16, global average pooling, Dense 128 ReLU, Dense 2
// softmax. Writes the model, its history, plots and everything needed to repeat the run; continues one that was ended.
#include "common/program.hpp"
#include "common/settings.hpp"
#include "common/training_run.hpp"
#include "train/train_run.hpp"

#include <cxrnet/core/error.hpp>

#include <CLI/CLI.hpp>

using namespace cxrnet;
using namespace cxrnet::programs;

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
      if (option->count() == 0 || option == resumed) continue;
      if (resumed->count() > 0 && (option == allowed || option == app.get_option("--cuda-plans"))) continue;
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
