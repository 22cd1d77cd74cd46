#pragma once
#include <cxrnet/train/monitor.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace CLI {
class App;
}

namespace cxrnet::programs {

/// Where and how much a program keeps of features.
struct FeatureSettings {
  std::filesystem::path cache;  ///< folder; empty: none
  std::uint64_t limit = std::uint64_t{4} << 30;  ///< of the folder, in bytes
};

/// The command line of `train`.
struct TrainSettings {
  std::filesystem::path train;
  std::filesystem::path val;
  std::filesystem::path test;
  std::filesystem::path weights;
  int epochs = 10;
  std::size_t batch = 32;
  std::uint64_t seed = 0;
  std::string rng = "counter";
  std::string precision = "float32";  ///< or "int8", "bfloat16"; "auto" only on the command line
  std::string preprocess = "rescale";
  bool augment = true;
  int unfreeze_from = 6;
  double learning_rate = 0.001;
  double backbone_rate = 1;  ///< of the learning rate
  std::string schedule = "constant";
  int early_stopping = 0;
  std::string monitor = "val_loss";
  std::string class_weights = "none";
  std::string positive;
  unsigned threads = 0;
  int network_threads = 0;  ///< what `threads` came to where the run began: sums depend on it
  bool skip_bad = false;
  bool profile = false;
  std::uint64_t checkpoint_every = 0;
  int views = 0;
  FeatureSettings features;
  std::filesystem::path algorithms;  ///< empty: by rule
  std::string device = "cpu";  ///< or "cuda"; "auto" only on the command line
  std::string decode = "cpu";  ///< or "gpu"

  std::filesystem::path out;  ///< not saved: a run's folder may be moved
};

/// Options of every program that trains: what it reads, how it feeds the network, by what it chooses an epoch.
void add_data_options(CLI::App& app, TrainSettings& settings);
/// --features-cache and --features-limit.
void add_feature_options(CLI::App& app, FeatureSettings& settings);
/// --schedule, of a learning rate that the help calls so: see `callbacks_of`.
void add_schedule_option(CLI::App& app, std::string& schedule, const std::string& whose);
/// Those and the others of `train`.
void add_options(CLI::App& app, TrainSettings& settings);

/// ArgumentError where there is no figure of that name.
Monitor monitor_of(const std::string& name);

/// As `settings.json` and `run.json` have them; paths are made absolute.
nlohmann::ordered_json settings_json(const TrainSettings& settings);
/// The inverse, but for `out`. Throws FormatError, naming `file`, where a setting is missing or no such value.
TrainSettings settings_of_json(const nlohmann::ordered_json& json, const std::string& file);

/// SHA-256 of all settings but paths and what features are kept: what a run reads is known by its content.
std::string hash_of(const TrainSettings& settings);

}  // namespace cxrnet::programs
