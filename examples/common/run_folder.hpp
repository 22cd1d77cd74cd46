#pragma once
#include "common/run_record.hpp"
#include "common/settings.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/checkpoint.hpp>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

// A run's folder while it trains: `settings.json`, which `train --resume` starts from, and the checkpoints.
namespace cxrnet::programs {

/// One process at a time trains into a folder: a lock that ends with the process, however it ends.
class FolderLock {
 public:
  /// FileError where another process has it.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  detail::Descriptor folder_;
};

enum class RunProgress { under_way, finished };

/// `settings.json`.
struct SavedRun {
  TrainSettings settings;
  nlohmann::ordered_json inputs;  ///< as `inputs_json`; null until they have been read
  RunProgress progress = RunProgress::under_way;
};
void save_run(const SavedRun& run);
/// Throws FileError where there is none, FormatError where it is not sound.
SavedRun read_run(const std::filesystem::path& folder);

/// Makes the folder one of a new run: no checkpoint of an earlier one remains. Throws FileError where an earlier one is
/// not finished, and could be continued.
void begin_run(const SavedRun& run);

/// SHA-256 of the weight file, and of each image by its name.
nlohmann::ordered_json inputs_json(const InputHashes& hashes, const ImageDataset& train, const ImageDataset& validation,
                                   const ImageDataset* test);

/// What a checkpoint records so that a run ends as if it had never stopped: hashes of settings, weights and images, the
/// network's signature, and by what the network was computed.
std::map<std::string, std::string> checkpoint_metadata(const TrainSettings& settings,
                                                       const nlohmann::ordered_json& inputs, const Classifier& net);

enum class OtherAlgorithms { refuse, allow };

/// Throws DataError where settings, weights, images or the network are not those of the checkpoint (`saved`), and
/// BackendError where the network would be computed by other algorithms, unless they are allowed: then it returns the
/// line that says so, else nothing.
std::string require_unchanged(const std::map<std::string, std::string>& checkpoint, const SavedRun& saved,
                              const std::map<std::string, std::string>& now, const nlohmann::ordered_json& inputs_now,
                              OtherAlgorithms other);

}  // namespace cxrnet::programs
