#include "common/training_run.hpp"

#include "common/program.hpp"

#include <cxrnet/backend/cpu/quantized.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/precision.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/report/history.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/train/early_stopping.hpp>
#include <cxrnet/train/learning_rate.hpp>
#include <cxrnet/train/reduce_on_plateau.hpp>
#include <cxrnet/train/scheduled_rate.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>

namespace cxrnet::programs {

namespace {

constexpr std::array trained_files{"model.h5", "model.safetensors", "history.json", "history.csv", "run.json"};
constexpr std::array later_files{"history.svg", "history.png", "metrics.json", "predictions.csv"};

/// Up to 96 images of a data set, evenly spread, as they are decoded.
std::vector<std::uint8_t> calibration_images(const ImageDataset& images) {
  const std::size_t count = std::min<std::size_t>(96, images.size());
  std::vector<std::uint8_t> all, scratch;
  all.reserve(count * images.image_bytes());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* const pixels = images.pixels(i * images.size() / count, scratch);
    all.insert(all.end(), pixels, pixels + images.image_bytes());
  }
  return all;
}

}  // namespace

RunImages open_run_images(const TrainSettings& settings, const Description& network) {
  const BadImages bad = settings.skip_bad ? BadImages::skip : BadImages::fail;
  RunImages images;
  images.train = open_images(settings.train, {}, bad, settings.threads);
  require_class_count(*images.train, network);
  const auto& classes = images.train->classes();
  images.validation = open_images(settings.val, classes, bad, settings.threads);
  if (!settings.test.empty()) images.test = open_images(settings.test, classes, bad, settings.threads);
  images.positive = class_id(classes, settings.positive);
  return images;
}

InputHashes read_inputs(const TrainSettings& settings, const RunImages& images) {
  images.validation->decode_all();
  if (images.test != nullptr) images.test->decode_all();
  return hash_inputs(settings, *images.train, *images.validation, images.test.get());
}

std::vector<float> start_parameters(const TrainSettings& settings, const ImageDataset& images) {
  if (!std::filesystem::exists(settings.weights)) {
    throw FileError("There are no weights at '" + settings.weights.string() +
                    "': run `bash weights/fetch.sh`, or name a file with --weights.");
  }
  const Variant variant{.preprocess = settings.preprocess, .precision = settings.precision};
  std::vector<float> parameters = initial_parameters(variant, settings.seed);
  take_parameters(describe(variant), read_weights(settings.weights), settings.weights.string(), Which::backbone, parameters);
  if (settings.precision == name_of(op::Precision::int8)) {
    calibrate(variant, parameters, calibration_images(images));
  }
  return parameters;
}

std::string chosen_precision(const TrainSettings& settings) {
  if (settings.precision != "auto") return settings.precision;
  if (settings.unfreeze_from != 6 || settings.device != "cpu") {
    std::cout << "Precision: float32, since " << (settings.device != "cpu" ? "a GPU computes in half.\n" : "part of VGG16 trains.\n");
    return "float32";
  }
  const bool bytes = cpu::has_byte_products();
  std::cout << "Precision: " << (bytes ? "int8, since this processor adds products of bytes (AVX-512 VNNI).\n"
                                       : "float32, since this processor has no instruction for products of bytes.\n");
  return bytes ? "int8" : "float32";
}

Callbacks callbacks_of(const TrainSettings& s, int epochs, std::size_t images) {
  const std::uint64_t steps = static_cast<std::uint64_t>(epochs) * ((images + s.batch - 1) / s.batch);
  Callbacks callbacks;
  if (s.schedule == "cosine") callbacks.add(ScheduledRate(CosineDecay{s.learning_rate, steps}));
  if (s.schedule == "step") callbacks.add(ScheduledRate(StepDecay{s.learning_rate, (steps + 2) / 3}));
  if (s.schedule == "plateau") callbacks.add(ReduceOnPlateau{.factor = 0.2, .patience = 2});
  if (s.early_stopping > 0) {
    callbacks.add(EarlyStopping{.monitor = monitor_of(s.monitor),
                                .patience = s.early_stopping,
                                .best_weights = BestWeights::restore});
  }
  return callbacks;
}

void require_run_folder(const std::filesystem::path& folder) {
  ensure_folder(folder);
  for (const char* name : trained_files) require_writable(folder / name);
  for (const char* name : later_files) require_writable(folder / name);
}

void write_trained(const std::filesystem::path& folder, const Classifier& net, const std::vector<std::string>& classes,
                   const History& history) {
  const auto metadata = model_metadata(net, classes);
  net.release_workspace();  // as much as the models take while they are written
  save_model(folder / "model.h5", net.description(), net.parameters(), metadata);
  save_model(folder / "model.safetensors", net.description(), net.parameters(), metadata);
  for (const char* name : later_files) std::filesystem::remove(folder / name);
  write_history_json(folder / "history.json", history);
  write_history_csv(folder / "history.csv", history);
}

Evaluation test_model(const std::filesystem::path& file, const ImageDataset& test, int positive, unsigned threads,
                      const std::string& device) {
  const LoadedModel model = load_model(file, 32, device);
  std::vector<float> probabilities;
  const Evaluation evaluation = evaluate_images(*model.classifier, test, positive, threads, probabilities);
  write_metrics_json(file.parent_path() / "metrics.json", evaluation);
  write_predictions(file.parent_path() / "predictions.csv", test, probabilities);
  return evaluation;
}

}  // namespace cxrnet::programs
