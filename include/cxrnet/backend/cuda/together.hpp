#pragma once
#include <cxrnet/backend/cuda/dropout_kernel.hpp>
#include <cxrnet/backend/cuda/map_kernels.hpp>
#include <cxrnet/backend/cuda/vector_kernels.hpp>
#include <cxrnet/backend/cuda/weight_kernels.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// Several kernels in one launch: a network's head is many, and each has little to do.
namespace cxrnet::cuda {

/// Up to `most` kernels of one kind that do not build on each other, their index spaces one behind the other.
template <class Kernel, int most>
struct Several {
  int size = 0;
  Kernel kernels[most];

  [[nodiscard]] bool full() const { return size == most; }
  void add(const Kernel& kernel) { kernels[size++] = kernel; }

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const {
    std::int64_t sum = 0;
    for (int k = 0; k < size; ++k) sum += kernels[k].count();
    return sum;
  }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    for (int k = 0; k < size; ++k) {
      const std::int64_t own = kernels[k].count();
      if (i < own) return kernels[k](i);
      i -= own;
    }
  }
  template <class Visit>
  void operands(Visit visit) const {
    for (int k = 0; k < size; ++k) kernels[k].operands(visit);
  }
};

template <class T>
using SeveralWeights = Several<PackWeights<T>, 32>;
template <class T>
using SeveralGradients = Several<UnpackGradients<T>, 32>;
using SeveralDense = Several<DenseBackwardWeights, 8>;

/// One of some kernels.
template <class... Kernels>
class OneOf {
  static_assert((std::is_trivially_copyable_v<Kernels> && ...));

 public:
  OneOf() = default;
  template <class Kernel>
  explicit OneOf(const Kernel& kernel) : which_(index_of<Kernel>()) {
    static_assert((std::is_same_v<Kernel, Kernels> || ...));
    std::memcpy(bytes_, &kernel, sizeof kernel);
  }

  /// act(kernel) of the one that it is.
  template <class Act>
  CXRNET_BOTH void visit(const Act& act) const {
    static_cast<void>(((which_ == index_of<Kernels>() && (act(*reinterpret_cast<const Kernels*>(bytes_)), true)) || ...));
  }

 private:
  template <class Kernel>
  CXRNET_BOTH static constexpr int index_of() {
    int index = 0;
    static_cast<void>(((std::is_same_v<Kernel, Kernels> || (++index, false)) || ...));
    return index;
  }
  static constexpr std::size_t largest() {
    std::size_t most = 0;
    for (const std::size_t size : {sizeof(Kernels)...}) most = size > most ? size : most;
    return most;
  }
  int which_ = -1;
  alignas(8) unsigned char bytes_[largest()];
};

/// A chain of kernels whose index spaces are images one behind the other, and which touch of the maps and vectors of a batch
/// only what is their own image's: a block takes an image through all of them. T is what maps are of.
template <class T>
class PerImage {
  static constexpr int most = 16;

 public:
  static constexpr int lanes = sizeof(T) == 2 ? 8 : 1;  ///< of its kernels that write maps

  explicit PerImage(int batch) : batch_(batch) {}
  [[nodiscard]] bool full() const { return size == most; }
  template <class Kernel>
  void add(const Kernel& kernel) {
    steps_[size++] = Step(kernel);
  }

  [[nodiscard]] std::int64_t blocks() const { return batch_; }
  [[nodiscard]] CXRNET_BOTH int phases() const { return size; }
  CXRNET_BOTH void operator()(std::int64_t image, int phase, int lane) const { steps_[phase].visit(Run{batch_, image, lane}); }
  template <class Visit>
  void operands(Visit visit) const {
    for (int k = 0; k < size; ++k) steps_[k].visit([&](const auto& kernel) { kernel.operands(visit); });
  }

  int size = 0;

 private:
  struct Run {
    int batch;
    std::int64_t image;
    int lane;
    template <class Kernel>
    CXRNET_BOTH void operator()(const Kernel& kernel) const {
      const std::int64_t own = kernel.count() / batch;
      for (std::int64_t i = lane; i < own; i += block_lanes) kernel(image * own + i);
    }
  };
  using Step = OneOf<GlobalAverage<T>, GlobalAverageBackward<T, lanes>, ToPlain<T>, ToMaps<T, lanes>, AddRelu<float>, Dropout<float>,
                     DenseForward, DenseBackwardData, Softmax, SoftmaxBackward, Sigmoid, SigmoidBackward, LossGradient>;
  int batch_;
  Step steps_[most];
};

}  // namespace cxrnet::cuda
