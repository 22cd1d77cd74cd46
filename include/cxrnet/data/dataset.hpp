#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/folder.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/image_decoder.hpp>
#include <cxrnet/io/hash.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cxrnet {

/// What to do with images that cannot be decoded: throw when one is first asked for, or decode all of them when the
/// set is built, and go on without the bad ones.
enum class BadImages { fail, skip };

struct DatasetOptions {
  ImageSize size{224, 224};
  BadImages bad_images = BadImages::fail;
  std::size_t memory = std::size_t{1} << 30;  ///< Bytes of decoded pixels to keep; the rest is decoded anew each time.
  unsigned threads = 0;                       ///< For decoding up front (BadImages::skip); 0: one for each processor.
  const ImageDecoder* decoder = nullptr;      ///< Outlives the set; null: the CPU decodes.
};

/// Labelled images, decoded and resized when first asked for and kept while memory allows. Safe from many threads.
class ImageDataset {
 public:
  /// An image that was left out, and why.
  struct Rejected {
    std::filesystem::path file;
    std::string reason;
  };

  /// Throws DataError where no image is left, or a class has lost its last one.
  explicit ImageDataset(ImageFolder folder, DatasetOptions options = {})
      : folder_(std::move(folder)), options_(options), kept_(folder_.items.size()) {
    if (options_.size.height < 1 || options_.size.width < 1 || options_.size.height > max_image_side ||
        options_.size.width > max_image_side) {
      throw ArgumentError("Images of " + std::to_string(options_.size.height) + " x " +
                          std::to_string(options_.size.width) + " pixels were asked for: ask for 1 to " +
                          std::to_string(max_image_side) + " a side.");
    }
    if (options_.bad_images == BadImages::skip) drop_bad_images();
    if (folder_.items.empty()) throw DataError("The folder " + folder_.root.string() + " has no image to read.");
  }

  [[nodiscard]] std::size_t size() const { return folder_.items.size(); }
  [[nodiscard]] ImageSize image_size() const { return options_.size; }
  /// Bytes of one image: height * width * 3.
  [[nodiscard]] std::size_t image_bytes() const {
    return static_cast<std::size_t>(options_.size.height) * static_cast<std::size_t>(options_.size.width) * 3;
  }
  /// Whose pixels these are: a decoder's name, or "cpu".
  [[nodiscard]] std::string decoded_by() const { return options_.decoder == nullptr ? "cpu" : options_.decoder->name(); }
  [[nodiscard]] const std::filesystem::path& root() const { return folder_.root; }
  [[nodiscard]] const std::vector<std::string>& classes() const { return folder_.classes; }
  [[nodiscard]] const std::vector<ImageFolder::Item>& items() const { return folder_.items; }
  [[nodiscard]] Labelling labelling() const { return folder_.labelling; }
  /// -1 where there may be several.
  [[nodiscard]] int label(std::size_t index) const { return folder_.items[index].label; }
  /// One, or any number.
  [[nodiscard]] std::span<const int> labels(std::size_t index) const {
    const ImageFolder::Item& item = folder_.items[index];
    return labelling() == Labelling::one ? std::span(&item.label, 1) : std::span<const int>(item.labels);
  }
  /// Writes what a network with `row.size()` outputs should give: 1 for each of the image's labels, 0 elsewhere; a
  /// single output of two classes is the label itself. ArgumentError where there are more classes than outputs.
  void target(std::size_t index, std::span<float> row) const {
    const bool single = row.size() == 1 && classes().size() == 2 && labelling() == Labelling::one;
    if (classes().size() > row.size() && !single) {
      throw ArgumentError("The data set '" + root().string() + "' has " + std::to_string(classes().size()) +
                          " classes, the network " + std::to_string(row.size()) + ".");
    }
    std::fill(row.begin(), row.end(), 0.0F);
    if (single) row[0] = static_cast<float>(label(index));
    else for (const int label : labels(index)) row[static_cast<std::size_t>(label)] = 1;
  }
  [[nodiscard]] const std::string& name(std::size_t index) const { return folder_.items[index].name; }
  /// In the folder's order.
  [[nodiscard]] const std::vector<Rejected>& rejected() const { return rejected_; }

  /// SHA-256 of each image's file, computed in threads when first asked for: of what the files then hold. FileError.
  [[nodiscard]] const std::vector<std::string>& hashes() const {
    const std::lock_guard lock(hashing_);
    if (hashes_.empty()) {
      std::vector<std::string> hashes(size());
      for_each_in_parallel([&](std::size_t i, std::vector<std::uint8_t>&) { hashes[i] = sha256_file(items()[i].file); });
      hashes_ = std::move(hashes);
    }
    return hashes_;
  }

  /// Bytes of decoded pixels that are kept now.
  [[nodiscard]] std::size_t kept_bytes() const { return used_; }

  /// Decodes every image now, in threads, so that a bad one is known before anything is built on the set. ImageError.
  void decode_all() const {
    for_each_in_parallel([this](std::size_t i, std::vector<std::uint8_t>& scratch) {
      static_cast<void>(pixels(i, scratch));
    });
  }

  /// The image's RGB bytes: kept ones, or `scratch` filled with them. Throws ImageError.
  [[nodiscard]] const std::uint8_t* pixels(std::size_t index, std::vector<std::uint8_t>& scratch) const {
    auto& slot = kept_[index];
    if (const std::uint8_t* kept = slot.load()) return kept;
    if (!reserve()) {
      scratch.resize(image_bytes());
      decode(index, scratch.data());
      return scratch.data();
    }
    std::unique_ptr<std::uint8_t[]> pixels;
    try {
      pixels = std::make_unique<std::uint8_t[]>(image_bytes());
      decode(index, pixels.get());
    } catch (...) {
      used_ -= image_bytes();
      throw;
    }
    return slot.publish(std::move(pixels), [this] { used_ -= image_bytes(); });
  }

 private:
  /// An image's pixels once some thread has them. Two may decode the same image at once; the first one's are kept.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : pixels_(other.pixels_.exchange(nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      delete[] pixels_.exchange(other.pixels_.exchange(nullptr));
      return *this;
    }
    ~Slot() { delete[] pixels_.load(); }

    [[nodiscard]] const std::uint8_t* load() const { return pixels_.load(std::memory_order_acquire); }

    template <class Superfluous>
    const std::uint8_t* publish(std::unique_ptr<std::uint8_t[]> pixels, const Superfluous& superfluous) {
      std::uint8_t* before = nullptr;
      if (pixels_.compare_exchange_strong(before, pixels.get(), std::memory_order_acq_rel)) return pixels.release();
      superfluous();
      return before;
    }

   private:
    std::atomic<std::uint8_t*> pixels_{nullptr};
  };

  void decode(std::size_t index, std::uint8_t* rgb) const {
    read_resized(folder_.items[index].file, options_.size, rgb, options_.decoder);
  }

  /// Takes one image's bytes from the budget, if it has them.
  bool reserve() const {
    std::size_t used = used_.load();
    do {
      if (options_.memory - std::min(options_.memory, used) < image_bytes()) return false;
    } while (!used_.compare_exchange_weak(used, used + image_bytes()));
    return true;
  }

  /// Calls `visit(i, scratch)` for every image, in threads; rethrows what it throws, for the first of the images.
  template <class Visit>
  void for_each_in_parallel(const Visit& visit) const {
    std::atomic<std::size_t> next{0};
    std::size_t failed_at = size();
    std::exception_ptr failure;
    std::mutex mutex;
    const auto work = [&] {
      std::vector<std::uint8_t> scratch;
      for (std::size_t i = next++; i < size(); i = next++) {
        try {
          visit(i, scratch);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (i < failed_at) failure = std::current_exception();
          failed_at = std::min(failed_at, i);
          next = size();
        }
      }
    };
    {
      const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
      std::vector<std::jthread> threads(options_.threads != 0 ? options_.threads : processors);
      for (auto& thread : threads) thread = std::jthread(work);
    }
    if (failure) std::rethrow_exception(failure);
  }

  void drop_bad_images() {
    std::vector<std::string> reasons(size());
    for_each_in_parallel([&](std::size_t i, std::vector<std::uint8_t>& scratch) {
      try {
        static_cast<void>(pixels(i, scratch));
      } catch (const ImageError& error) {
        reasons[i] = error.what();
      }
    });

    std::vector<std::size_t> left(classes().size());
    std::vector<std::string> first_reason(classes().size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      for (const int label : labels(i)) {
        const auto c = static_cast<std::size_t>(label);
        if (reasons[i].empty()) ++left[c];
        else if (first_reason[c].empty()) first_reason[c] = reasons[i];
      }
      if (!reasons[i].empty()) {
        rejected_.push_back({folder_.items[i].file, std::move(reasons[i])});
        continue;
      }
      if (kept != i) {
        folder_.items[kept] = std::move(folder_.items[i]);
        kept_[kept] = std::move(kept_[i]);
      }
      ++kept;
    }
    folder_.items.resize(kept);
    kept_.resize(kept);
    for (std::size_t c = 0; c < left.size(); ++c) {
      if (left[c] != 0 || first_reason[c].empty()) continue;
      throw DataError("No image of the class '" + classes()[c] + "' in " + folder_.root.string() +
                      " can be used, the first because " + first_reason[c]);
    }
  }

  ImageFolder folder_;
  DatasetOptions options_;
  std::vector<Rejected> rejected_;
  mutable std::vector<Slot> kept_;
  mutable std::atomic<std::size_t> used_{0};
  mutable std::mutex hashing_;
  mutable std::vector<std::string> hashes_;
};

}  // namespace cxrnet
