#pragma once
#include <cxrnet/backend/weight_store.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/memory_plan.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/core/warn.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/io/remove_oldest.hpp>

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace cxrnet {

struct PackedWeightOptions {
  /// Bytes of files to keep: beyond these the ones that were longest without use are removed.
  std::uint64_t budget = std::uint64_t{1} << 30;
  /// Gets a sentence about a file that cannot be read or written; weights are then packed anew. Default: stderr.
  std::function<void(const std::string&)> warn{};
};

/// Packed weights in files named after the SHA-256 of what they were packed from, which later starts map instead of packing
/// anew: several processes share one copy in memory. What a file holds is believed: keep the folder where only those may
/// write who may also replace the program. A file must not be written over in place while it is mapped; this never does.
class PackedWeightFiles final : public WeightStore {
 public:
  /// Creates the folder where it is missing. FileError where nothing can be written to it.
  explicit PackedWeightFiles(std::filesystem::path folder, PackedWeightOptions options = {})
      : folder_(std::move(folder)), options_(std::move(options)) {
    ensure_folder(folder_);
    remove_leftovers(folder_);
  }

  /// The hash of the layouts and of each parameter's hash, which threads compute at a time.
  [[nodiscard]] std::string key_of(const PackedFrom& from) const override {
    std::vector<std::string> hashes(from.parameters.size());
    for_each_item(hashes.size(), static_cast<std::size_t>(thread_count()), [&](std::size_t i, std::size_t) {
      hashes[i] = sha256_hex(std::as_bytes(from.parameters[i]));
    });
    std::string text = from.layouts;
    for (const std::string& hash : hashes) text += '\n' + hash;
    return sha256_hex(std::as_bytes(std::span(text)));
  }

  [[nodiscard]] std::shared_ptr<const std::byte> find(const std::string& key, std::size_t bytes) override {
    const std::filesystem::path file = file_of(key);
    const detail::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!descriptor.is_open()) {
      if (errno != ENOENT) warn(file, std::generic_category().message(errno));
      return nullptr;
    }
    struct stat found {};
    if (::fstat(descriptor.get(), &found) != 0 || !S_ISREG(found.st_mode) || static_cast<std::uintmax_t>(found.st_size) != header + bytes) {
      warn(file, "it is no file of so many packed weights");
      return nullptr;
    }
    void* const mapped = ::mmap(nullptr, header + bytes, PROT_READ, MAP_SHARED, descriptor.get(), 0);
    if (mapped == MAP_FAILED) {
      warn(file, std::generic_category().message(errno));
      return nullptr;
    }
    const std::shared_ptr<const std::byte> whole(static_cast<const std::byte*>(mapped), [size = header + bytes](const std::byte* p) {
      ::munmap(const_cast<std::byte*>(p), size);
    });
    if (std::string_view(reinterpret_cast<const char*>(whole.get()), key.size() + name.size()) != std::string(name) + key) {
      warn(file, "it is no file of packed weights");
      return nullptr;
    }
    std::error_code ignored;
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now(), ignored);  // when it was used last
    return {whole, whole.get() + header};
  }

  void keep(const std::string& key, std::span<const std::span<const std::byte>> packed) override {
    std::string head = std::string(name) + key;
    head.resize(header, '\n');
    std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(head))};
    std::size_t bytes = header;
    for (const auto part : packed) {
      parts.push_back(part);
      bytes += part.size();
    }
    if (bytes > options_.budget) return warn(file_of(key), "its bytes are more than the folder may take");
    try {
      AtomicFile file(file_of(key));
      file.write(parts);
      file.commit();
      remove_oldest(folder_, prefix, suffix, options_.budget, file_of(key));
    } catch (const FileError& problem) {
      warn(file_of(key), problem.what());
    }
  }

 private:
  static constexpr std::string_view name = "cxrnet packed weights 1\n";
  static constexpr std::string_view prefix = "weights-";
  static constexpr std::string_view suffix = ".packed";
  static constexpr std::size_t header = 4096;  ///< a page, so that what follows is aligned

  [[nodiscard]] std::filesystem::path file_of(const std::string& key) const {
    return folder_ / (std::string(prefix) + key + std::string(suffix));
  }
  void warn(const std::filesystem::path& file, const std::string& why) const {
    const std::string what = "Weights are packed anew, for '" + file.string() + "' cannot be used: " + why + ".";
    warn_by(options_.warn, what);
  }

  std::filesystem::path folder_;
  PackedWeightOptions options_;
};

}  // namespace cxrnet
