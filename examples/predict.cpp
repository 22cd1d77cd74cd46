// Class probabilities of single images.
#include "common/algorithm_file.hpp"
#include "common/program.hpp"
#include "common/model_file.hpp"

#include <cxrnet/data/image_decoder.hpp>
#include <cxrnet/io/packed_weight_files.hpp>
#include <cxrnet/report/text.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

struct Settings {
  std::filesystem::path model;
  std::vector<std::filesystem::path> images;
  std::filesystem::path algorithms;
  std::filesystem::path packed;
  std::string device = "cpu";
  std::string decode = "cpu";
  unsigned threads = 0;
  bool json = false;
  bool skip_bad = false;
};

struct Prediction {
  std::string file;
  std::vector<float> probabilities;
};

/// Probabilities of one image: decoded, resized and preprocessed as for training.
std::vector<float> predict_image(const Classifier& net, const std::filesystem::path& file, const ImageDecoder* decoder) {
  const Dims input = net.description().input;
  std::vector<std::uint8_t> pixels(input.size());
  read_resized(file, {input.height, input.width}, pixels.data(), decoder);
  std::vector<float> features(net.description().features.size());
  if (const Preparation prepare = net.prepare(); prepare.map != nullptr) {
    const Affine map = prepare.map({}, input.height, input.width);
    net.features({pixels, {&map, 1}}, features, nullptr);
  } else if (prepare.bytes != nullptr) {
    net.features(pixels, features, nullptr);
  } else {
    std::vector<float> prepared(input.size());
    prepare(pixels.data(), input.height, input.width, {}, prepared.data());
    net.features(prepared, features, nullptr);
  }
  std::vector<float> probabilities(net.description().output.size());
  net.predict(features, probabilities);
  return probabilities;
}

void print_json(const std::vector<Prediction>& predictions, const std::vector<std::string>& classes) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& prediction : predictions) {
    nlohmann::ordered_json probabilities;
    for (std::size_t k = 0; k < classes.size(); ++k) probabilities[classes[k]] = prediction.probabilities[k];
    const auto best = static_cast<std::size_t>(predicted_class(std::span(prediction.probabilities)));
    list.push_back({{"file", prediction.file}, {"class", classes[best]}, {"probabilities", probabilities}});
  }
  std::cout << list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void print_table(const std::vector<Prediction>& predictions, const std::vector<std::string>& classes) {
  std::size_t width = 5;
  for (const auto& prediction : predictions) width = std::max(width, display_width(printable(prediction.file)));
  std::cout << left_aligned("image", width);
  for (const auto& name : classes) std::cout << "  " << right_aligned(printable(name), std::max<std::size_t>(6, display_width(printable(name))));
  std::cout << '\n';
  for (const auto& prediction : predictions) {
    std::cout << left_aligned(printable(prediction.file), width);
    for (std::size_t k = 0; k < classes.size(); ++k) {
      const std::size_t column = std::max<std::size_t>(6, display_width(printable(classes[k])));
      std::cout << "  " << right_aligned(with_decimals(static_cast<double>(prediction.probabilities[k]), 4), column);
    }
    std::cout << '\n';
  }
}

int predict(const Settings& settings) {
  use_threads(settings.threads);
  AlgorithmFile algorithms(settings.algorithms);
  std::optional<PackedWeightFiles> packed;
  std::optional<WithWeightStore> with_packed;
  if (!settings.packed.empty()) with_packed.emplace(packed.emplace(settings.packed));
  const LoadedModel model = load_model(settings.model, 1, chosen_device(settings.device));
  algorithms.keep();
  const ImageDecoder* const decoder = decoder_of(settings.decode);
  std::vector<Prediction> predictions;
  for (const auto& file : settings.images) {
    try {
      predictions.push_back({file.string(), predict_image(*model.classifier, file, decoder)});
    } catch (const ImageError& error) {
      if (!settings.skip_bad) throw;
      std::cerr << "skipped: " << printable(error.what()) << '\n';
    }
  }
  if (predictions.empty()) throw DataError("None of the images can be read.");
  if (settings.json) print_json(predictions, model.classes);
  else print_table(predictions, model.classes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Prints the class probabilities of chest X-ray images.");
  Settings settings;
  app.add_option("--model", settings.model, "Model file: safetensors, or Keras's .keras or .h5")->required();
  app.add_option("images", settings.images, "PNG or JPEG files")->required();
  app.add_flag("--json", settings.json, "Print JSON");
  app.add_option("--threads", settings.threads, "Processor threads to use; default: all")->check(CLI::Range(1, 1024));
  app.add_flag("--skip-bad", settings.skip_bad, "Go on without images that cannot be read, and list them");
  add_algorithms_option(app, settings.algorithms);
  app.add_option("--packed-weights", settings.packed,
                 "Folder to keep weights in as convolutions in floats read them, four times the model's size, and to map\n"
                 "them from at later starts instead of packing them anew. What it holds is believed");
  add_device_option(app, settings.device);
  add_decode_option(app, settings.decode);
  return run(app, argc, argv, [&] { return predict(settings); });
}
