#pragma once
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/io/sealed_safetensors.hpp>
#include <cxrnet/train/classifier_interface.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
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

/// Features of whole data sets, in files named after the SHA-256 of all that they depend on (`FeatureKeys`). The files
/// are safetensors that carry the SHA-256 of themselves: what is not whole is said, and never used. Several processes may
/// share a folder. Safe from many threads.
class FeatureCache {
 public:
  /// Creates the folder where it is missing. FileError where nothing can be written to it.
  explicit FeatureCache(std::filesystem::path folder, FeatureCacheOptions options = {})
      : folder_(std::move(folder)), options_(std::move(options)) {
    ensure_folder(folder_);
    remove_leftovers(folder_);
  }

  [[nodiscard]] const std::string& computation() const { return options_.computation; }

  /// The features of so many images, each `width` of them; nothing where there are none under that key.
  [[nodiscard]] std::optional<std::vector<float>> find(const std::string& key, std::size_t images,
                                                       std::size_t width) const {
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

  /// Keeps features under a key, images x width. What cannot be written is said, and changes nothing else.
  void store(const std::string& key, std::size_t images, std::size_t width, std::span<const float> features) const {
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
      remove_oldest(file_of(key));
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

  void warn(const std::string& what) const {
    if (options_.warn) options_.warn(what);
    else std::fprintf(stderr, "%s\n", what.c_str());
  }

  /// Until the budget holds; not `newest`, whatever clocks say.
  void remove_oldest(const std::filesystem::path& newest) const {
    namespace fs = std::filesystem;
    struct Kept {
      fs::file_time_type used;
      std::uintmax_t bytes;
      fs::path file;
    };
    std::vector<Kept> all;
    std::uintmax_t total = 0;
    std::error_code error;
    for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
      std::error_code gone;  // removed by another process meanwhile
      const std::uintmax_t bytes = at->file_size(gone);
      if (gone) continue;
      const fs::file_time_type used = at->last_write_time(gone);
      if (gone) continue;
      total += bytes;
      if (at->path() != newest) all.push_back({used, bytes, at->path()});
    }
    std::ranges::sort(all, {}, &Kept::used);
    for (auto oldest = all.begin(); total > options_.budget && oldest != all.end(); ++oldest) {
      fs::remove(oldest->file, error);
      total -= oldest->bytes;
    }
  }

  std::filesystem::path folder_;
  FeatureCacheOptions options_;
  mutable std::atomic<std::size_t> found_{0};
  mutable std::atomic<std::size_t> missed_{0};
};

/// Names features by all that they depend on: the parameters, layers and operations before the cut, the algorithms that
/// run them, the batches' capacity and cache.computation(); the images' files; how they are prepared, by what it makes of
/// a small image, and their transforms. A layer of a user's own is known by its name and parameters alone.
class FeatureKeys {
 public:
  FeatureKeys(const Classifier& net, const FeatureCache& cache) {
    const Description& network = net.description();
    text("cxrnet").text(version).number(revision).text(cache.computation()).text(net.backend()).number(net.capacity());
    text(network.preprocess).dims(network.input).dims(network.features);
    for (const op::Operation& o : network.operations) {
      if (o.layer < network.cut) operation(network, o);
    }
    for (const Algorithm& a : net.algorithms()) {
      if (a.layer < network.cut) number(a.layer).text(a.operation).text(a.name);
    }
    const std::span<const float> parameters = net.parameters();
    for (const ParameterInfo& info : network.parameters) {
      if (info.layer >= network.cut) continue;
      text(info.name.view());
      for (const int extent : info.parameter.dims) number(extent);
      bytes(std::as_bytes(parameters.subspan(info.offset, info.parameter.size())));
    }
    network_ = hash_.finish();
  }

  /// Of a data set whose images are prepared so, each with its transform; none where `transforms` is empty. FileError
  /// where an image cannot be read.
  [[nodiscard]] std::string of(const ImageDataset& images, Preparation prepare,
                               std::span<const TransformParameters> transforms = {}) {
    hash_ = Sha256();
    text(network_).number(images.image_size().height).number(images.image_size().width);
    probe(prepare, {});
    probe(prepare, {20, 1.25, -0.75, 10, 0.9, 1.2, true, true, {0.1, 0.2, 0.3, 0.4}});
    for (const std::string& hash : images.hashes()) text(hash);
    for (const TransformParameters& t : transforms) transform(t);
    return hash_.finish();
  }

 private:
  /// To be raised where decoding, resizing, preparing or a kernel comes to give other bits within one version.
  static constexpr int revision = 1;

  FeatureKeys& bytes(std::span<const std::byte> bytes) {
    hash_.update(bytes);
    return *this;
  }
  template <class Number>
    requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>)
  FeatureKeys& number(Number n) {
    return bytes(std::as_bytes(std::span(&n, 1)));
  }
  FeatureKeys& text(std::string_view text) { return number(text.size()).bytes(std::as_bytes(std::span(text))); }
  FeatureKeys& dims(Dims d) { return number(d.height).number(d.width).number(d.channels); }
  FeatureKeys& window(const op::Window& w) {
    for (const int n : {w.height, w.width, w.stride, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right}) number(n);
    return *this;
  }
  void operation(const Description& network, const op::Operation& o) {
    text(network.layers[static_cast<std::size_t>(o.layer)].kind).number(o.kind).dims(o.in).dims(o.out);
    for (const int n : {o.layer, o.inputs[0], o.inputs[1], o.output, o.kernel, o.bias, o.first_parameter}) number(n);
    number(o.precision).number(o.scale).number(o.scale_in);
    window(o.window).window(o.pool).number(o.activation).number(o.rate).number(o.epsilon).number(o.statistics);
  }
  void transform(const TransformParameters& t) {
    for (const double x : {t.theta, t.tx, t.ty, t.shear, t.zx, t.zy}) number(x);
    for (const double x : t.own) number(x);
    number(t.flip_horizontal).number(t.flip_vertical);
  }
  void probe(Preparation prepare, const TransformParameters& t) {
    constexpr int side = 8;
    std::array<std::uint8_t, std::size_t{side} * side * 3> image{};
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * i * 37 + i * 11);
    const auto keep = [&](auto prepared) {
      prepare(image.data(), side, side, t, prepared.data());
      bytes(std::as_bytes(std::span(prepared)));
    };
    if (prepare.bytes != nullptr) keep(std::array<std::uint8_t, image.size()>{});
    else keep(std::array<float, image.size()>{});
  }

  Sha256 hash_;
  std::string network_;
};

}  // namespace cxrnet
