#pragma once
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/schedule.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cxrnet {

struct LoaderOptions {
  std::size_t batch = 32;          ///< The last batch of an epoch may be smaller.
  unsigned threads = 0;            ///< 0: one for each processor.
  std::size_t ahead = 2;           ///< Batches prepared beyond the one in use; at least 1.
  std::uint32_t first_epoch = 0;   ///< Where a resumed training starts,
  std::size_t first_batch = 0;     ///< and with which of that epoch's batches.
  std::uint32_t epochs = std::numeric_limits<std::uint32_t>::max();  ///< How many will be asked for.
};

/// One step's images, valid until the loader's next `next()`.
struct Batch {
  std::uint32_t epoch = 0;
  std::size_t first = 0;                   ///< Of the epoch's samples, how many came before.
  std::span<const std::uint32_t> indices;  ///< Into the data set.
  std::span<const int> labels;
  std::span<const float> images;         ///< Prepared, NHWC; none where they are of bytes.
  std::span<const std::uint8_t> bytes;   ///< The same for a network in Int8; or decoded, where there are maps.
  std::span<const Affine> maps;          ///< By which the backend samples each image; none where that is done.
  [[nodiscard]] PreparedImages prepared() const {
    if (!maps.empty()) return {bytes, maps};
    return bytes.empty() ? PreparedImages(images) : PreparedImages(bytes);
  }
  [[nodiscard]] std::size_t size() const { return indices.size(); }
};

/// Decodes and augments the coming batches in threads of its own while the last one is in use. What comes, and in what
/// order, follows from the schedule alone. The data set must outlive it.
class Loader {
 public:
  Loader(const ImageDataset& dataset, Schedule schedule, Preparation prepare, LoaderOptions options = {})
      : dataset_(dataset), schedule_(std::move(schedule)), prepare_(prepare), options_(options) {
    if (options_.batch == 0 || options_.ahead == 0 || options_.epochs == 0) {
      throw ArgumentError("A loader's batch, ahead and epochs must each be at least 1.");
    }
    const std::size_t samples = schedule_.epoch_size(dataset_.size());
    options_.batch = std::min(options_.batch, samples);
    batches_ = (samples + options_.batch - 1) / options_.batch;
    if (options_.first_batch >= batches_) {
      throw ArgumentError("An epoch has " + std::to_string(batches_) + " batches: a loader cannot begin with number " +
                          std::to_string(options_.first_batch) + " (from 0).");
    }
    delivered_ = released_ = opened_ = options_.first_batch;
    slots_.resize(options_.ahead + 1);
    for (auto& slot : slots_) {
      slot.samples.reserve(options_.batch);
      slot.indices.reserve(options_.batch);
      slot.labels.reserve(options_.batch);
      if (prepare_.map != nullptr) slot.maps.resize(options_.batch);
      if (prepare_.floats == nullptr) slot.bytes.resize(options_.batch * dataset_.image_bytes());
      else slot.images.resize(options_.batch * dataset_.image_bytes());
    }
    try {
      const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
      threads_.resize(options_.threads != 0 ? options_.threads : processors);
      for (auto& thread : threads_) thread = std::jthread([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  ~Loader() { stop(); }

  [[nodiscard]] std::size_t batches_per_epoch() const { return batches_; }

  /// The next batch; nullptr once at each epoch's end, and for good after the last. Waits where it is not ready.
  /// Throws what preparing it threw, an ImageError naming the file, and again if called again.
  const Batch* next() {
    std::unique_lock lock(mutex_);
    if (delivered_ == total() && !in_use_) return nullptr;
    if (in_use_) {
      in_use_ = false;
      ++released_;
      room_.notify_all();
      if (delivered_ % batches_ == 0) return nullptr;
    }
    Slot& slot = slots_[delivered_ % slots_.size()];
    ready_.wait(lock, [&] { return slot.sequence == delivered_ && slot.left == 0; });
    if (slot.failure) std::rethrow_exception(slot.failure);
    in_use_ = true;
    ++delivered_;
    return &slot.batch;
  }

 private:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  struct Slot {
    std::uint64_t sequence = none;  ///< Which batch of all this is.
    std::size_t left = 0;           ///< Samples not yet prepared.
    std::size_t failed_at = 0;
    std::exception_ptr failure;  ///< Of the first sample that failed, whichever thread was faster.
    std::vector<ScheduledSample> samples;
    std::vector<std::uint32_t> indices;
    std::vector<int> labels;
    std::vector<float> images;
    std::vector<std::uint8_t> bytes;
    std::vector<Affine> maps;
    Batch batch;
  };

  [[nodiscard]] std::uint64_t total() const { return std::uint64_t{options_.epochs} * batches_; }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    threads_.clear();
  }

  /// Sets up the slot of batch `opened_`; the mutex is held.
  void open(Slot& slot) {
    const std::size_t number = opened_ % batches_;
    const auto epoch = static_cast<std::uint32_t>(options_.first_epoch + opened_ / batches_);
    if (number == 0 || plan_.empty()) schedule_.plan(epoch, dataset_.size(), options_.batch, plan_);
    const std::size_t first = number * options_.batch;
    const std::size_t last = std::min(first + options_.batch, plan_.size());
    slot.samples.assign(plan_.begin() + static_cast<std::ptrdiff_t>(first),
                        plan_.begin() + static_cast<std::ptrdiff_t>(last));
    slot.indices.clear();
    slot.labels.clear();
    for (const auto& sample : slot.samples) {
      slot.indices.push_back(sample.index);
      slot.labels.push_back(dataset_.label(sample.index));
    }
    slot.batch = {epoch, first, slot.indices, slot.labels, {}, {}, {}};
    const std::size_t numbers = slot.samples.size() * dataset_.image_bytes();
    if (prepare_.map != nullptr) slot.batch.maps = std::span<const Affine>(slot.maps).first(slot.samples.size());
    if (prepare_.floats == nullptr) slot.batch.bytes = std::span<const std::uint8_t>(slot.bytes).first(numbers);
    else slot.batch.images = std::span<const float>(slot.images).first(numbers);
    slot.failure = nullptr;
    slot.left = slot.samples.size();
    slot.sequence = opened_;
  }

  void work() {
    std::vector<std::uint8_t> scratch;
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [&] {
        return stopping_ || position_ < in_hand_ || (opened_ < total() && opened_ < released_ + slots_.size());
      });
      if (stopping_) return;
      if (position_ == in_hand_) open_next();
      if (stopping_) return;
      Slot& slot = slots_[(opened_ - 1) % slots_.size()];
      const std::size_t position = position_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        const ScheduledSample& sample = slot.samples[position];
        const std::uint8_t* const rgb = dataset_.pixels(sample.index, scratch);
        const auto [height, width] = dataset_.image_size();
        const std::size_t place = position * dataset_.image_bytes();
        if (prepare_.map != nullptr) {
          std::copy_n(rgb, dataset_.image_bytes(), slot.bytes.data() + place);
          slot.maps[position] = prepare_.map(sample.transform, height, width);
        } else if (prepare_.bytes != nullptr) {
          prepare_(rgb, height, width, sample.transform, slot.bytes.data() + place);
        } else {
          prepare_(rgb, height, width, sample.transform, slot.images.data() + place);
        }
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && (!slot.failure || position < slot.failed_at)) {
        slot.failure = failure;
        slot.failed_at = position;
      }
      if (--slot.left == 0) ready_.notify_all();
    }
  }

  /// Opens the next batch for all workers; one that cannot be planned is delivered as a failure, and is the last.
  void open_next() {
    Slot& slot = slots_[opened_ % slots_.size()];
    try {
      open(slot);
    } catch (...) {
      slot.failure = std::current_exception();
      slot.failed_at = 0;
      slot.left = 0;
      slot.samples.clear();
      slot.sequence = opened_;
      stopping_ = true;
      ready_.notify_all();
    }
    ++opened_;
    position_ = 0;
    in_hand_ = slot.samples.size();
    room_.notify_all();
  }

  const ImageDataset& dataset_;
  Schedule schedule_;
  Preparation prepare_;
  LoaderOptions options_;
  std::size_t batches_ = 0;
  std::vector<Slot> slots_;

  std::mutex mutex_;  ///< Guards all below, and every slot's `sequence`, `left` and failure.
  std::condition_variable room_;
  std::condition_variable ready_;
  bool stopping_ = false;
  bool in_use_ = false;
  std::vector<ScheduledSample> plan_;
  std::uint64_t delivered_ = 0;  ///< Batches given to the consumer,
  std::uint64_t released_ = 0;   ///< of these done with,
  std::uint64_t opened_ = 0;     ///< and batches begun by the workers.
  std::size_t position_ = 0;     ///< In the batch opened last: the next sample to take,
  std::size_t in_hand_ = 0;      ///< of so many.

  std::vector<std::jthread> threads_;
};

}  // namespace cxrnet
