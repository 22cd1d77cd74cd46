#pragma once
#include <cxrnet/core/warn.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/remove_oldest.hpp>
#include <cxrnet/io/sealed_safetensors.hpp>
#include <cxrnet/train/feature_store.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace cxrnet {

struct FeatureCacheOptions {
  /// Whatever else the last bits of features depend on: the versions of libraries, the processor, threads.
  std::string computation{};
  /// Bytes of files to keep: beyond these the ones that were longest without use are removed.
  std::uint64_t budget = std::uint64_t{4} << 30;
  /// Gets a sentence about a file that is damaged or cannot be written; features are then computed. Default: stderr.
  std::function<void(const std::string&)> warn{};
};

/// Features in files named after their keys, the SHA-256 of all that they depend on (`FeatureKeys`). The files
/// are safetensors that carry the SHA-256 of themselves: what is not whole is said, and never used. Several processes may
/// share a folder. Safe from many threads.
class FeatureCache final : public FeatureStore {
 public:
  /// Creates the folder where it is missing. FileError where nothing can be written to it.
  explicit FeatureCache(std::filesystem::path folder, FeatureCacheOptions options = {})
      : folder_(std::move(folder)), options_(std::move(options)) {
    ensure_folder(folder_);
    remove_leftovers(folder_);
  }

  [[nodiscard]] const std::string& computation() const override { return options_.computation; }

  [[nodiscard]] std::optional<std::vector<float>> find(const std::string& key, std::size_t images,
                                                       std::size_t width) const override {
    namespace fs = std::filesystem;
    const fs::path file = file_of(key);
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error && !fs::exists(file, error)) return std::nullopt;
    try {
      if (error || size > images * width * sizeof(float) + header_room) throw FormatError("its size is wrong");
      NamedTensors found = read_sealed_safetensors(file);
      const auto recorded = found.metadata.find("key");
      const NamedTensor* features = found.find(tensor);
      if (recorded == found.metadata.end() || recorded->second != key || features == nullptr ||
          found.tensors.size() != 1 || features->dims != std::vector{images, width}) {
        throw FormatError("it holds something else");
      }
      fs::last_write_time(file, fs::file_time_type::clock::now(), error);  // when it was used last
      ++found_;
      return std::move(found.tensors.front().values);
    } catch (const FileError& problem) {
      if (!fs::exists(file, error)) return std::nullopt;  // another process has just removed it
      warn("Features are computed again, for '" + file.string() + "' is damaged: " + problem.what());
      return std::nullopt;
    }
  }

  /// What cannot be written is said, and changes nothing else.
  void store(const std::string& key, std::size_t images, std::size_t width, std::span<const float> features) const override {
    ++missed_;
    if (features.size_bytes() + header_room > options_.budget) {
      warn("The features of " + std::to_string(images) + " images are not kept, for " +
           std::to_string(features.size_bytes()) + " bytes do not fit into the " + std::to_string(options_.budget) +
           " that '" + folder_.string() + "' may take.");
      return;
    }
    try {
      NamedTensors file;
      file.tensors.push_back({std::string(tensor), {images, width}, {features.begin(), features.end()}});
      file.metadata["key"] = key;
      write_atomically(file_of(key), sealed_safetensors_bytes(std::move(file)));
      remove_oldest(folder_, prefix, suffix, options_.budget, file_of(key));
    } catch (const FileError& problem) {
      warn(std::string("Features are not kept: ") + problem.what());
    }
  }

  /// How often `find` found features, and how often they had to be computed and were handed to `store`.
  [[nodiscard]] std::size_t found() const { return found_; }
  [[nodiscard]] std::size_t computed() const { return missed_; }

 private:
  static constexpr std::string_view tensor = "features";
  static constexpr std::string_view prefix = "features-";
  static constexpr std::string_view suffix = ".safetensors";
  static constexpr std::size_t header_room = 4096;

  [[nodiscard]] std::filesystem::path file_of(const std::string& key) const {
    return folder_ / (std::string(prefix) + key + std::string(suffix));
  }

  void warn(const std::string& what) const { warn_by(options_.warn, what); }

  std::filesystem::path folder_;
  FeatureCacheOptions options_;
  mutable std::atomic<std::size_t> found_{0};
  mutable std::atomic<std::size_t> missed_{0};
};

}  // namespace cxrnet
