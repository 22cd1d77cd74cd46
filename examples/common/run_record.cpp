#include "common/run_record.hpp"

#include <cxrnet/backend/onednn/version.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/report/ethics.hpp>
#include <cxrnet/report/metrics_json.hpp>
#include <cxrnet/report/text.hpp>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <omp.h>
#include <sys/resource.h>
#include <utility>

namespace cxrnet::programs {

namespace {

using Json = nlohmann::ordered_json;

Json images_json(const ImageDataset& images, const std::vector<std::string>& hashes) {
  Json files = Json::object();
  for (std::size_t i = 0; i < images.size(); ++i) files[images.name(i)] = hashes[i];
  Json rejected = Json::array();
  for (const auto& bad : images.rejected()) rejected.push_back({{"file", bad.file.string()}, {"reason", bad.reason}});
  return {{"folder", images.root().string()}, {"images", images.size()}, {"skipped", rejected}, {"sha256", files}};
}

}  // namespace

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

Json machine_json(const Classifier& net) {
  return {{"cxrnet", version},
          {"backend", std::string(net.backend()) + " " + onednn::version()},
          {"processor", processor()},
          {"threads", omp_get_max_threads()}};
}

std::unique_ptr<FeatureCache> open_feature_cache(const FeatureSettings& settings, const Classifier& net) {
  if (settings.cache.empty()) return nullptr;
  FeatureCacheOptions options{.computation = machine_json(net).dump(), .budget = settings.limit};
  options.warn = [](const std::string& what) { std::cerr << "warning: " << printable(what) << '\n'; };
  return std::make_unique<FeatureCache>(settings.cache, std::move(options));
}

Json algorithms_json(const Classifier& net) {
  Json list = Json::array();
  const auto add = [&](const std::vector<Algorithm>& algorithms, const char* use) {
    for (const Algorithm& a : algorithms) {
      const auto& layer = net.description().layers[static_cast<std::size_t>(a.layer)];
      list.push_back({{"layer", layer.name.view()}, {"use", use}, {"operation", a.operation}, {"algorithm", a.name}});
    }
  };
  add(net.algorithms(), "prediction");
  add(net.training_algorithms(), "training");
  return list;
}

InputHashes hash_inputs(const TrainSettings& settings, const ImageDataset& train, const ImageDataset& validation,
                        const ImageDataset* test) {
  return {sha256_file(settings.weights), train.hashes(), validation.hashes(),
          test != nullptr ? test->hashes() : std::vector<std::string>{}};
}

std::string doubles_warning(const InputHashes& hashes, const ImageDataset& train, const ImageDataset& validation,
                            const ImageDataset* test) {
  struct Seen {
    const ImageDataset* set;
    std::size_t index;
  };
  std::map<std::string, Seen> seen;
  std::size_t doubles = 0;
  std::string first;
  const auto look = [&](const ImageDataset& set, const std::vector<std::string>& of_set) {
    for (std::size_t i = 0; i < of_set.size(); ++i) {
      const auto [found, fresh] = seen.try_emplace(of_set[i], Seen{&set, i});
      const Seen& before = found->second;
      if (fresh || (before.set == &set && set.label(before.index) == set.label(i))) continue;
      if (doubles++ == 0) {
        first = before.set->items()[before.index].file.string() + " and " + set.items()[i].file.string();
      }
    }
  };
  look(train, hashes.train);
  look(validation, hashes.validation);
  if (test != nullptr) look(*test, hashes.test);
  if (doubles == 0) return {};
  return "warning: " + printable(first) + " are the same file" +
         (doubles > 1 ? ", and so are " + std::to_string(doubles - 1) + " more" : "") +
         ": an image in two sets, or under two classes, makes the evaluation worthless; keep each patient in one set";
}

std::map<std::string, std::string> model_metadata(const Classifier& net, const std::vector<std::string>& classes) {
  return {{"cxrnet", std::string(version)},
          {"classes", Json(classes).dump()},
          {"backend", std::string(net.backend()) + " (" + onednn::version() + ")"},
          {"algorithms", algorithms_json(net).dump()}};
}

void write_run_record(const std::filesystem::path& file, const TrainSettings& s, const InputHashes& hashes,
                      const Classifier& net,
                      const ImageDataset& train, const ImageDataset& validation, const ImageDataset* test,
                      const FitResult& result) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  double seconds = 0;
  for (const auto& epoch : result.history.epochs) seconds += epoch.seconds;
  const Classifier::Memory memory = net.memory();
  Json settings = settings_json(s);
  settings["optimizer"] = net.optimizer_name();
  settings["loss"] = net.loss_name();
  Json run = {
      {"note", ethical_note},
      {"settings", settings},
      {"versions", {{"cxrnet", version}, {"backend", net.backend()}, {"onednn", onednn::version()}, {"decoder", train.decoded_by()}}},
      {"processor", processor()},
      {"stopped_early", result.stopped},
      {"epochs_finished", result.history.epochs.size()},
      {"steps", net.steps()},
      {"steps_before_resuming", net.steps() - result.steps},  // the times and memory below are those of what came after
      {"seconds",
       {{"epochs", seconds}, {"frozen_layers", result.backbone_seconds}, {"waiting_for_images", result.waiting_seconds}}},
      {"memory_bytes",
       {{"peak_resident", static_cast<std::uint64_t>(usage.ru_maxrss) * 1024},
        {"arena", memory.arena},
        {"training_arena", memory.training_arena},
        {"packed_weights", memory.packed},
        {"workspace", memory.workspace},
        {"gradients", memory.gradients},
        {"optimizer", memory.optimizer},
        {"decoded_images", train.kept_bytes() + validation.kept_bytes() + (test != nullptr ? test->kept_bytes() : 0)}}},
      {"classes", train.classes()},
      {"algorithms", algorithms_json(net)},
      {"weights", {{"file", s.weights.string()}, {"sha256", hashes.weights}}},
      {"train", images_json(train, hashes.train)},
      {"validation", images_json(validation, hashes.validation)}};
  if (test != nullptr) run["test"] = images_json(*test, hashes.test);
  write_atomically(file, json_text(run));
}

}  // namespace cxrnet::programs
