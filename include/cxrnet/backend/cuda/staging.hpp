#pragma once
#include <cxrnet/augment/geometry.hpp>
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/backend/program.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cxrnet::cuda {

/// Decoded images (RGB, bytes) on their way to a Program, and what it gives for them on its way back: one batch is brought while the
/// other is worked on. They are sampled at their maps' coordinates and preprocessed on the device: 12 bytes of a float image's
/// pixel are 3 on their way.
template <class Program>
class StagingOf {
  using Device = typename Program::Device;
  using Context = typename Program::Context;

 public:
  using Map = Affine;
  class Batch {
   public:
    Batch(Device& device, std::size_t bytes)
        : host_(device, bytes), there_(device, bytes), arrived_(device), read_(device), answered_(device) {}
    /// How many images.
    [[nodiscard]] int size() const { return n_; }

   private:
    friend StagingOf;
    int n_ = 0;
    typename Device::HostBuffer host_;
    Buffer<Device> there_;  // maps, and behind them bytes
    typename Device::Event arrived_, read_;
    typename Device::HostBuffer outputs_;  // empty until somebody asks for them
    typename Device::Event answered_;
  };

  /// Both are referred to.
  StagingOf(const Program& program, Context& context)
      : program_(&program), context_(&context), device_(program.device_), queue_(*device_),
        maps_bytes_(static_cast<std::size_t>(program.batch_) * sizeof(Map)), image_bytes_(program.spec_.input_dims.size()),
        batches_{Batch(*device_, bytes()), Batch(*device_, bytes())} {}
  StagingOf(const StagingOf&) = delete;
  StagingOf& operator=(const StagingOf&) = delete;
  ~StagingOf() {
    wait_for_copies(*device_, queue_);
    for (Batch& batch : batches_) wait_for_copies(*device_, batch.answered_);
  }

  /// Begins to bring n images to the device, beside whatever it does; they may change once it has returned. Two batches are on
  /// their way at most: a third waits for the first.
  void stage(const std::uint8_t* rgb, const Map* maps, int n) {
    last_ = 1 - last_;
    Batch& to = batches_[last_];
    const auto count = static_cast<std::size_t>(n);
    device_->wait(to.arrived_);
    std::memcpy(to.host_.data(), maps, count * sizeof(Map));
    std::memcpy(to.host_.data() + maps_bytes_, rgb, count * image_bytes_);
    device_->wait(queue_, to.read_);
    device_->upload_later(queue_, to.there_.template as<void>(), to.host_.data(), maps_bytes_ + count * image_bytes_);
    device_->record(queue_, to.arrived_);
    to.n_ = n;
  }
  /// The forward of what was staged last, not awaited.
  Batch& forward() {
    Batch& from = batches_[last_];
    const ProgramSpec& spec = program_->spec_;
    device_->wait(context_->queue_, from.arrived_);
    auto* const maps = from.there_.template as<Map>();
    device_->launch(context_->queue_, SampleImages<T>{program_->maps(spec.input_dims), from.n_, {spec.image[0], spec.image[1], spec.image[2]},
                                                      maps, reinterpret_cast<const std::uint8_t*>(maps + program_->batch_),
                                                      context_->template map<T>(spec.input)});
    device_->record(context_->queue_, from.read_);
    program_->run_all(*context_, from.n_, nullptr);
    return from;
  }
  /// Begins to bring what that forward gives to the host, where `receive` has it before the same batch is staged anew.
  void receive_later(Batch& of) {
    const ProgramSpec& spec = program_->spec_;
    if (of.outputs_.data() == nullptr) of.outputs_ = {*device_, output_bytes(program_->batch_)};
    device_->download_later(context_->queue_, of.outputs_.data(), program_->plain(*context_, spec.output_dims, spec.output),
                            output_bytes(of.n_));
    device_->record(context_->queue_, of.answered_);
  }
  void receive(Batch& of, float* to) {
    device_->wait(of.answered_);
    std::memcpy(to, of.outputs_.data(), output_bytes(of.n_));
  }

 private:
  using T = Storage<Program::number>;
  [[nodiscard]] std::size_t bytes() const { return maps_bytes_ + image_bytes_ * static_cast<std::size_t>(program_->batch_); }
  [[nodiscard]] std::size_t output_bytes(int n) const { return program_->spec_.output_dims.size() * static_cast<std::size_t>(n) * sizeof(float); }

  const Program* program_;
  Context* context_;
  Device* device_;
  typename Device::Queue queue_;  // of copies
  std::size_t maps_bytes_, image_bytes_;
  std::array<Batch, 2> batches_;
  std::size_t last_ = 1;  // that was staged
};

}  // namespace cxrnet::cuda
