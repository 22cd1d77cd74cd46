#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/together.hpp>

#include <span>

namespace cxrnet::cuda {

/// Kernels on their way to a queue, taken together in as few launches as they fit in: T is what maps are of.
template <class T, class Device>
class Launches {
 public:
  Launches(Device& device, typename Device::Queue& queue, int batch) : device_(&device), queue_(&queue), images_(batch) {}

  /// Runs behind all that came before: a kernel that goes image by image, together with its neighbours.
  template <class Kernel>
  void image_by_image(const Kernel& kernel) {
    if (images_.full()) flush();
    images_.add(kernel);
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
  /// Working copies of weights: likewise.
  void later(const PackWeights<T>& kernel) { collect(packed_, kernel); }

  /// Launches what has not been.
  void finish() {
    flush();
    launch_all(dense_);
    launch_all(unpacked_);
    launch_all(packed_);
  }

 private:
  template <class Collection, class Kernel>
  void collect(Collection& collection, const Kernel& kernel) {
    if (collection.full()) {
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
    images_.size = 0;
  }

  Device* device_;
  typename Device::Queue* queue_;
  PerImage<T> images_;
  SeveralDense dense_;
  SeveralGradients<T> unpacked_;
  SeveralWeights<T> packed_;
};

}  // namespace cxrnet::cuda
