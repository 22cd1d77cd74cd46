#include "common/settings.hpp"

#include "common/algorithm_file.hpp"
#include "common/program.hpp"

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hash.hpp>

#include <CLI/CLI.hpp>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <type_traits>

namespace cxrnet::programs {

namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

/// Calls `field(name, member)` for every setting that is saved.
template <class Settings, class Field>
void each_setting(Settings& s, Field field) {
  field("train", s.train);
  field("val", s.val);
  field("test", s.test);
  field("weights", s.weights);
  field("epochs", s.epochs);
  field("batch", s.batch);
  field("seed", s.seed);
  field("rng", s.rng);
  field("preprocess", s.preprocess);
  field("precision", s.precision);
  field("augment", s.augment);
  field("unfreeze_from", s.unfreeze_from);
  field("learning_rate", s.learning_rate);
  field("backbone_rate", s.backbone_rate);
  field("schedule", s.schedule);
  field("early_stopping", s.early_stopping);
  field("monitor", s.monitor);
  field("class_weights", s.class_weights);
  field("positive", s.positive);
  field("threads", s.threads);
  field("network_threads", s.network_threads);
  field("skip_bad", s.skip_bad);
  field("profile", s.profile);
  field("checkpoint_every", s.checkpoint_every);
  field("views", s.views);
  field("features_cache", s.features.cache);
  field("features_limit", s.features.limit);
  field("algorithms", s.algorithms);
  field("device", s.device);
  field("decode", s.decode);
}

/// Takes a setting out of JSON; false where it is no such value.
template <class Setting>
bool take(const Json& json, Setting& setting) {
  if constexpr (std::same_as<Setting, bool>) {
    if (!json.is_boolean()) return false;
  } else if constexpr (std::integral<Setting>) {
    if (!json.is_number_unsigned() ||
        json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Setting>::max())) {
      return false;
    }
  } else if constexpr (std::floating_point<Setting>) {
    if (!json.is_number()) return false;
  } else if (!json.is_string()) {
    return false;
  }
  if constexpr (std::same_as<Setting, Path>) setting = json.get<std::string>();
  else setting = json.get<Setting>();
  return true;
}

}  // namespace

void add_data_options(CLI::App& app, TrainSettings& settings) {
  TrainSettings& s = settings;
  app.add_option("--train", s.train, "Folder of training images, one subfolder for each of two classes");
  app.add_option("--val", s.val, "Folder of validation images, with the same classes");
  app.add_option("--test", s.test, "Folder of test images: evaluated once, after training");
  app.add_option("--weights", s.weights, "VGG16's convolutions (safetensors or Keras .h5)")->capture_default_str();
  app.add_option("--batch", s.batch, "Images a step")->capture_default_str()->check(CLI::Range(1, 4096));
  app.add_option("--seed", s.seed, "Of the head's first weights, the order and the augmentation")->capture_default_str();
  app.add_option("--rng", s.rng, "counter: draws depend on seed, epoch and image alone; keras: numpy's, as Keras's generator draws them")
      ->capture_default_str()->check(CLI::IsMember({"counter", "keras"}));
  app.add_option("--preprocess", s.preprocess, "rescale: by 1/255, the reference's; imagenet: what the weights were trained with, usually more accurate")
      ->capture_default_str()->check(CLI::IsMember({"rescale", "imagenet"}));
  app.add_flag("--no-augment{false}", s.augment, "Train on the images as they are; their features are computed once");
  app.add_option("--early-stopping", s.early_stopping, "Stop after so many epochs without improvement, and keep the best epoch's weights")
      ->check(CLI::Range(1, 100000));
  app.add_option("--monitor", s.monitor, "What early stopping goes by")
      ->capture_default_str()->check(CLI::IsMember({"loss", "accuracy", "val_loss", "val_accuracy", "val_auc"}));
  app.add_option("--class-weights", s.class_weights, "balanced: the rarer class's losses count more")
      ->capture_default_str()->check(CLI::IsMember({"none", "balanced"}));
  app.add_option("--positive", s.positive, "Class that precision, recall and AUC are about; default: the first by name");
  app.add_option("--threads", s.threads, "Processor threads to use; default: all")->check(CLI::Range(1, 1024));
  app.add_flag("--skip-bad", s.skip_bad, "Go on without images that cannot be read, and list them");
  add_algorithms_option(app, s.algorithms);
  add_device_option(app, s.device);
  add_decode_option(app, s.decode);
}

void add_feature_options(CLI::App& app, FeatureSettings& settings) {
  app.add_option("--features-cache", settings.cache,
                 "Folder for what the frozen layers gave for each set of images: where nothing that it depends on has\n"
                 "changed, a later run takes it from there, with the same results to the bit");
  app.add_option("--features-limit", settings.limit, "Bytes that this folder may take, 500MB say; the oldest files go first")
      ->capture_default_str()->transform(CLI::AsSizeValue(false));
}

void add_schedule_option(CLI::App& app, std::string& schedule, const std::string& whose) {
  app.add_option("--schedule", schedule,
                 whose + ": constant; cosine, down to 0; step, a tenth after each third of the epochs;\n"
                         "plateau, a fifth after 2 epochs without a better val_loss")
      ->capture_default_str()->check(CLI::IsMember({"constant", "cosine", "step", "plateau"}));
}

void add_options(CLI::App& app, TrainSettings& settings) {
  TrainSettings& s = settings;
  add_data_options(app, s);
  app.add_option("--out", s.out, "Folder to write the model, history, plots, metrics and checkpoints to");
  app.add_option("--epochs", s.epochs, "Passes over the training images")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--unfreeze-from", s.unfreeze_from, "The first of VGG16's blocks that trains, 1 to 5; 6: the head alone")
      ->capture_default_str()->check(CLI::Range(1, 6));
  app.add_option("--precision", s.precision,
                 "What a frozen VGG16 computes in: float32; int8, calibrated on training images, several times as fast;\n"
                 "bfloat16, on processors that have it; auto, int8 where the processor multiplies bytes")
      ->capture_default_str()->check(CLI::IsMember({"float32", "int8", "bfloat16", "auto"}));
  app.add_option("--learning-rate", s.learning_rate, "Adam's")->capture_default_str()->check(CLI::Range(0.0, 1e3));
  app.add_option("--backbone-rate", s.backbone_rate, "Times the learning rate, for VGG16's own layers where they train")
      ->capture_default_str()->check(CLI::Range(0.0, 1e3));
  add_schedule_option(app, s.schedule, "The learning rate");
  app.add_flag("--profile", s.profile, "Print the time by layer");
  app.add_option("--views", s.views,
                 "Augment each image in so many ways alone, epoch after epoch in turn, and compute their features once;\n"
                 "0: anew in each epoch. Faster where there are more epochs, with fewer distinct images to learn from")
      ->capture_default_str()->check(CLI::Range(0, 100000));
  add_feature_options(app, s.features);
  app.add_option("--checkpoint-every", s.checkpoint_every, "Write a checkpoint after so many steps too, not only after each epoch and each minute");
}

Monitor monitor_of(const std::string& name) {
  for (const Monitor monitor :
       {Monitor::loss, Monitor::accuracy, Monitor::val_loss, Monitor::val_accuracy, Monitor::val_auc}) {
    if (name == name_of(monitor)) return monitor;
  }
  throw ArgumentError("There is no figure '" + name + "' to go by: it is loss, accuracy, val_loss, val_accuracy or val_auc.");
}

Json settings_json(const TrainSettings& settings) {
  Json json;
  each_setting(settings, [&](const char* name, const auto& setting) {
    if constexpr (std::same_as<decltype(setting), const Path&>) {
      json[name] = setting.empty() ? std::string() : std::filesystem::absolute(setting).lexically_normal().string();
    } else {
      json[name] = setting;
    }
  });
  return json;
}

TrainSettings settings_of_json(const Json& json, const std::string& file) {
  TrainSettings settings;
  each_setting(settings, [&](const char* name, auto& setting) {
    const auto found = json.find(name);
    if (found == json.end() || !take(*found, setting)) {
      throw FormatError("'" + file + "' lacks the setting `" + name +
                        "`, or it is no such value: undo what was changed in it, or train anew.");
    }
  });
  return settings;
}

std::string hash_of(const TrainSettings& settings) {
  Json json = settings_json(settings);
  for (const char* path : {"train", "val", "test", "weights", "features_cache", "features_limit"}) json.erase(path);
  const std::string text = json.dump();
  return sha256_hex(std::as_bytes(std::span(text)));
}

}  // namespace cxrnet::programs
