#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace cxrnet::cuda {

/// One thread's memory on the device for a Program, and its queue.
template <class Program>
class ContextOf : public CallSettings {
  using Device = typename Program::Device;
  static constexpr bool in_half = Program::number == Number::half;
  static constexpr float largest_loss_scale = 32768;
  static constexpr int steps_before_growing = 2000;  // as PyTorch's GradScaler

 public:
  ContextOf(const Program& program, std::byte*, std::byte*)
      : program_(&program), queue_(*program.device_),
        arena_(*program.device_, program.spec_.bytes * static_cast<std::size_t>(program.batch_)),
        vectors_(*program.device_, program.vector_numbers_ * static_cast<std::size_t>(program.batch_) * sizeof(float)),
        input_(*program.device_, program.trains_ ? program.input_bytes() : 0),
        workspace_(*program.device_, program.workspace_),
        plain_(*program.device_, program.plain_bytes()),
        gradients_(*program.device_, program.gradient_numbers_ * sizeof(float)),
        map_part_(*program.device_, program.part_bytes_), sums_(*program.device_, program.sum_bytes_),
        kernel_gradients_(*program.device_, program.kernel_gradient_bytes_),
        bias_gradients_(*program.device_, program.bias_gradient_bytes_),
        settings_(*program.device_, program.trains_ ? program.settings_bytes() : 0) {}
  float loss_scale = in_half ? largest_loss_scale : 1.0F;  ///< of the next backward

  static constexpr std::size_t carried = in_half ? 2 : 0;
  /// What a training goes on with: the loss's scale, and the steps since it last fell.
  void carry([[maybe_unused]] std::span<float> to) const {
    if constexpr (carried != 0) {
      to[0] = loss_scale;
      to[1] = static_cast<float>(steps_without_loss_);
    }
  }
  /// ArgumentError where that is none.
  void carry_on([[maybe_unused]] std::span<const float> from) {
    if constexpr (carried != 0) {
      const bool scale = from[0] >= 1 && from[0] <= largest_loss_scale && std::exp2(std::round(std::log2(from[0]))) == from[0];
      if (!scale || !(from[1] >= 0 && from[1] < static_cast<float>(steps_before_growing)) || from[1] != std::floor(from[1])) {
        throw ArgumentError("The state to train on from has a scale of the loss that none is: was it kept by another version?");
      }
      loss_scale = from[0];
      steps_without_loss_ = static_cast<int>(from[1]);
    }
  }

 private:
  friend Program;
  friend typename Program::Operations;
  friend typename Program::Staging;
  friend typename Program::Training;

  /// Whether a backward that lost gradients to infinity is worth another, with half the scale.
  bool scale_down() {
    if (!in_half || loss_scale <= 1) return false;
    loss_scale /= 2;
    steps_without_loss_ = 0;
    return true;
  }
  void count_step() {
    if (!in_half || ++steps_without_loss_ < steps_before_growing) return;
    loss_scale = std::min(largest_loss_scale, loss_scale * 2);
    steps_without_loss_ = 0;
  }

  template <class To>
  [[nodiscard]] To* at(const Slot& slot) const {
    return reinterpret_cast<To*>(arena_.template as<std::byte>() + slot.offset * static_cast<std::size_t>(program_->batch_));
  }
  [[nodiscard]] float* vector_at(std::size_t offset) const {
    return vectors_.template as<float>() + offset * static_cast<std::size_t>(program_->batch_);
  }
  /// Maps in the plan's slots; what a training step begins with in a place that nothing else takes, for it may be made again.
  template <class To>
  [[nodiscard]] To* map(int v) const {
    if (v == program_->spec_.input && input_.bytes() != 0) return input_.template as<To>();
    return at<To>(program_->spec_.values[static_cast<std::size_t>(v)]);
  }
  template <class To>
  [[nodiscard]] To* map_gradient(int v) const {
    return at<To>(program_->spec_.gradients[static_cast<std::size_t>(v)]);
  }
  /// Vectors each in a place of their own: images may then go through several operations at different times.
  [[nodiscard]] float* vector(int v) const { return vector_at(program_->vectors_[static_cast<std::size_t>(v)].value); }
  [[nodiscard]] float* vector_gradient(int v) const { return vector_at(program_->vectors_[static_cast<std::size_t>(v)].gradient); }
  /// What a reader but the first to go backward gives of a gradient, to be added.
  [[nodiscard]] float* vector_part(int v) const { return vector_at(program_->vectors_[static_cast<std::size_t>(v)].part); }
  template <class To>
  [[nodiscard]] To* map_part() const {
    return map_part_.template as<To>();
  }
  /// A place for maps as the host has them: the input, the output, the seed, and what an observer is shown, which alone may be
  /// larger than any before.
  [[nodiscard]] float* plain(const Dims& dims) {
    const std::size_t bytes = dims.size() * static_cast<std::size_t>(program_->batch_) * sizeof(float);
    if (plain_.bytes() < bytes) plain_ = Buffer<Device>(*program_->device_, bytes);
    return plain_.template as<float>();
  }
  [[nodiscard]] const StepSettings* settings() const { return settings_.template as<StepSettings>(); }

  const Program* program_;
  typename Device::Queue queue_;
  Buffer<Device> arena_, vectors_, input_, workspace_;
  Buffer<Device> plain_;
  Buffer<Device> gradients_;  // of what trains here, as the host has them
  Buffer<Device> map_part_, sums_;  // of one operation at a time: see map_part, SumSpace
  Buffer<Device> kernel_gradients_, bias_gradients_;  // of convolutions, as cuDNN gives them
  Buffer<Device> settings_;  // StepSettings; behind them truths, slopes, weights and updates
  StepSettings told_;        // that settings_ has, by calls that are no Training's
  typename Device::Recording forward_, backward_;
  bool recorded_logits_ = false;  // what backward_ is of
  int steps_without_loss_ = 0;
  std::unique_ptr<typename Program::Staging> staging_;
};

}  // namespace cxrnet::cuda
