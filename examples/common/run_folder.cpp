#include "common/run_folder.hpp"

#include <cxrnet/io/hash.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/report/metrics_json.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/file.h>
#include <string>
#include <vector>

namespace cxrnet::programs {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* settings_file = "settings.json";
constexpr std::uint64_t largest_settings_file = std::uint64_t{1} << 30U;  // 100 bytes an image

std::string hash_of(const Json& json) {
  const std::string text = json.dump();
  return sha256_hex(std::as_bytes(std::span(text)));
}

/// All that the last bits of a result depend on besides the inputs.
Json computation_json(const Classifier& net) {
  Json json = machine_json(net);
  json["algorithms"] = algorithms_json(net);
  return json;
}

/// "processor (was 'A', is 'B'), algorithms (of block1_conv1: was ...)".
std::string differences(const Json& was, const Json& is) {
  const auto change = [](const Json& before, const Json& now) {
    return "was " + before.dump() + ", is " + now.dump();
  };
  std::string text;
  for (const auto& [key, now] : is.items()) {
    const Json before = was.is_object() ? was.value(key, Json()) : Json();
    if (before == now) continue;
    text += (text.empty() ? "" : ", ") + key;
    if (!now.is_array()) text += " (" + change(before, now) + ")";
    for (std::size_t i = 0; now.is_array() && before.is_array() && i < std::min(now.size(), before.size()); ++i) {
      if (now[i] == before[i] || !before[i].is_object()) continue;
      text += " (first that of " + now[i].value("layer", "") + ": " +
              change(before[i].value("algorithm", Json()), now[i].value("algorithm", Json())) + ")";
      break;
    }
  }
  return text;
}

/// "the weight file has changed", or what has become of the first image that is not as it was; empty where none is.
std::string changed_input(const Json& was, const Json& is) {
  if (!was.is_object()) return "an input has changed";
  if (was.value("weights", Json()) != is.at("weights")) return "the weight file has changed";
  for (const char* set : {"train", "validation", "test"}) {
    const Json before = was.value(set, Json());
    const Json& now = is.at(set);
    const auto image = [&](const std::string& name) { return "the " + std::string(set) + " image '" + name + "' "; };
    if (!before.is_object()) return "an image has changed";
    for (const auto& [name, hash] : before.items()) {
      const auto found = now.find(name);
      if (found == now.end()) return image(name) + "is gone";
      if (*found != hash) return image(name) + "has changed";
    }
    for (const auto& [name, hash] : now.items()) {
      if (!before.contains(name)) return image(name) + "is new";
    }
  }
  return {};
}

/// Whether a folder says that its run is: not where its settings are missing or damaged.
bool is_finished(const fs::path& folder) {
  try {
    return read_run(folder).progress == RunProgress::finished;
  } catch (const FileError&) {
    return false;
  }
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!folder_.is_open()) throw FileError("There is no folder '" + folder.string() + "': check its name.");
  if (::flock(folder_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) return;  // a file system without locks
  throw FileError("Another process trains into '" + folder.string() + "': wait for it, or give another --out.");
}

void save_run(const SavedRun& run) {
  const Json json = {{"status", run.progress == RunProgress::finished ? "finished" : "under way"},
                     {"settings", settings_json(run.settings)},
                     {"sha256", run.inputs}};
  write_atomically(run.settings.out / settings_file, json_text(json));
}

SavedRun read_run(const fs::path& folder) {
  const fs::path file = folder / settings_file;
  if (!fs::exists(file)) {
    throw FileError("There is no run to resume in '" + folder.string() +
                    "', for it has no settings.json: start one with --train, --val and --out.");
  }
  const InputFile input(file);
  const auto fail = [&] {
    throw FormatError("'" + file.string() + "' is damaged: undo what was changed in it, or train anew.");
  };
  if (input.size() > largest_settings_file) fail();
  const Json json = Json::parse(input.text(), nullptr, false);
  if (!json.is_object() || !json.contains("settings") || !json.contains("sha256") || !json.contains("status")) fail();
  SavedRun run{settings_of_json(json.at("settings"), file.string()), json.at("sha256"),
               json.at("status") == "finished" ? RunProgress::finished : RunProgress::under_way};
  run.settings.out = folder;
  return run;
}

void begin_run(const SavedRun& run) {
  const fs::path& folder = run.settings.out;
  const bool checkpoints = fs::exists(folder / checkpoint_file) || fs::exists(folder / previous_checkpoint_file);
  if (checkpoints && !is_finished(folder)) {
    throw FileError("'" + folder.string() + "' holds a run that is not finished: continue it with --resume " +
                    folder.string() + ", or remove its checkpoints to train anew.");
  }
  for (const auto name : {checkpoint_file, previous_checkpoint_file}) {
    std::error_code error;
    fs::remove(folder / name, error);
    if (error) detail::throw_write_error(folder / name, error.value());
  }
  save_run(run);
}

Json inputs_json(const InputHashes& hashes, const ImageDataset& train, const ImageDataset& validation,
                 const ImageDataset* test) {
  const auto by_name = [](const ImageDataset& images, const std::vector<std::string>& of_set) {
    Json json = Json::object();
    for (std::size_t i = 0; i < images.size(); ++i) json[images.name(i)] = of_set[i];
    return json;
  };
  return {{"weights", hashes.weights},
          {"train", by_name(train, hashes.train)},
          {"validation", by_name(validation, hashes.validation)},
          {"test", test != nullptr ? by_name(*test, hashes.test) : Json::object()}};
}

std::map<std::string, std::string> checkpoint_metadata(const TrainSettings& settings, const Json& inputs,
                                                       const Classifier& net) {
  return {{"settings_sha256", hash_of(settings)},
          {"weights_sha256", inputs.at("weights").get<std::string>()},
          {"images_sha256", hash_of(Json{inputs.at("train"), inputs.at("validation"), inputs.at("test")})},
          {"network", network_signature(net.description())},
          {"computation", computation_json(net).dump()}};
}

std::string require_unchanged(const std::map<std::string, std::string>& checkpoint, const SavedRun& saved,
                              const std::map<std::string, std::string>& now, const Json& inputs_now,
                              OtherAlgorithms other) {
  const auto differs = [&](const char* key) {
    const auto before = checkpoint.find(key);
    return before == checkpoint.end() || before->second != now.at(key);
  };
  const std::string folder = saved.settings.out.string();
  if (differs("settings_sha256")) {
    throw DataError("The settings in '" + folder + "/settings.json' are not those that its checkpoint was made with: " +
                    "undo the change, or train anew.");
  }
  if (differs("weights_sha256") || differs("images_sha256")) {
    std::string what = changed_input(saved.inputs, inputs_now);
    if (what.empty()) what = "an input or its settings.json has changed";
    throw DataError("The run in '" + folder + "' cannot be continued, for " + what +
                    " since it began: restore that, or train anew.");
  }
  if (differs("network")) {
    throw DataError("The checkpoint in '" + folder + "' is of another network than this program's: continue with the " +
                    "version that made it, or train anew.");
  }
  if (!differs("computation")) return {};
  const auto before = checkpoint.find("computation");
  const Json was = before == checkpoint.end() ? Json() : Json::parse(before->second, nullptr, false);
  const std::string what =
      "the run in '" + folder + "' began with others of these: " + differences(was, Json::parse(now.at("computation")));
  if (other == OtherAlgorithms::allow) return "note: its last bits will differ from an uninterrupted run's, for " + what;
  throw BackendError("The result would differ in its last bits, for " + what +
                     "; continue where it began, or give --allow-different-algorithms.");
}

}  // namespace cxrnet::programs
