#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/together.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace cxrnet::cuda {

/// Kernels on their way to a queue, taken together in as few launches as they fit in: T is what maps are of.
template <class T, class Device>
class Launches {
 public:
  Launches(Device& device, typename Device::Queue& queue, int batch) : device_(&device), queue_(&queue), empty_(batch), images_(empty_) {}

  /// Runs behind all that came before: a kernel that goes image by image, together with its neighbours. What builds on parts
  /// of other images gets a launch of its own.
  template <class Kernel>
  void image_by_image(const Kernel& kernel) {
    if (!images_.fits(kernel) || meets_otherwise(kernel)) flush();
    images_.add(kernel);
    kernel.operands([&](Access access, const void* data, std::size_t bytes) {
      touched_.push_back({static_cast<const std::byte*>(data), bytes, access == Access::write});
    });
  }
  template <class Kernel>
  void launch(const Kernel& kernel) {
    flush();
    device_->launch(*queue_, kernel);
  }
  template <class Plan>
  void execute(const Plan& plan, std::span<void* const> operands, void* workspace) {
    flush();
    device_->execute(*queue_, plan, operands, workspace);
  }
  /// Gradients of parameters: some time later, beside each other.
  void later(const DenseBackwardWeights& kernel) { collect(dense_, kernel); }
  void later(const UnpackGradients<T>& kernel) { collect(unpacked_, kernel); }

  /// Launches what has not been.
  void finish() {
    flush();
    launch_all(dense_);
    launch_all(unpacked_);
  }

 private:
  struct Touched {
    const std::byte* first;
    std::size_t bytes;
    bool written;
  };
  /// Two kernels that touch the very same maps or vectors touch them image by image.
  template <class Kernel>
  [[nodiscard]] bool meets_otherwise(const Kernel& kernel) const {
    bool meets = false;
    kernel.operands([&](Access access, const void* data, std::size_t bytes) {
      const auto* const first = static_cast<const std::byte*>(data);
      for (const Touched& t : touched_) {
        const bool apart = first + bytes <= t.first || t.first + t.bytes <= first;
        const bool same = first == t.first && bytes == t.bytes;
        meets = meets || (!apart && !same && (t.written || access == Access::write));
      }
    });
    return meets;
  }
  template <class Collection, class Kernel>
  void collect(Collection& collection, const Kernel& kernel) {
    if (!collection.fits(kernel)) {
      flush();
      launch_all(collection);
    }
    collection.add(kernel);
  }
  template <class Collection>
  void launch_all(Collection& collection) {
    if (collection.size != 0) device_->launch(*queue_, collection);
    collection.size = 0;
  }
  void flush() {
    if (images_.size != 0) device_->launch(*queue_, images_);
    images_ = empty_;
    touched_.clear();
  }

  Device* device_;
  typename Device::Queue* queue_;
  PerImage<T> empty_, images_;
  std::vector<Touched> touched_;
  SeveralDense dense_;
  SeveralGradients<T> unpacked_;
};

}  // namespace cxrnet::cuda
