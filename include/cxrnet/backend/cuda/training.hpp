#pragma once
#include <cxrnet/backend/cuda/program.hpp>
#include <cxrnet/backend/cuda/update_kernels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace cxrnet::cuda {

/// Training steps of a Program that stay on the device, from features to updated parameters: what the host gives goes up in
/// one copy, what a step does is recorded once and replayed, and the host waits where it asks for the outputs. Gradients, the
/// optimiser's state and parameters come to the host where it reads them.
template <class Program>
class TrainingOf {
  using Device = typename Program::Device;
  using Context = typename Program::Context;
  using T = Storage<Program::number>;
  static constexpr std::size_t chunk = 65536;

 public:
  /// All are referred to; `kept` numbers are the optimiser's state for each parameter, 2 at most, zero at the start.
  TrainingOf(Program& program, Context& context, std::size_t kept)
      : program_(&program), context_(&context), device_(program.device_), kept_(kept) {
    program.for_each_gradient([&](int p) { parameters_.push_back(p); });
    std::ranges::sort(parameters_, {}, [&](int p) { return program.info(p).gradient; });
    std::vector<std::int64_t> starts;
    std::vector<Chunk> chunks;
    for (const int p : parameters_) {
      const std::size_t first = program.info(p).gradient, size = program.info(p).parameter.size();
      const int number = static_cast<int>(starts.size());
      starts.push_back(static_cast<std::int64_t>(first));
      for (std::size_t at = 0; at < size; at += chunk) {
        chunks.push_back({static_cast<std::int64_t>(first + at), static_cast<std::int64_t>(std::min(chunk, size - at)), number});
      }
    }
    chunk_count_ = static_cast<int>(chunks.size());
    starts_ = given(starts);
    chunks_ = given(chunks);
    state_ = Buffer<Device>(*device_, kept * program.gradient_numbers_ * sizeof(float));
    if (kept > 0) {
      const std::vector<float> zeros(kept * program.gradient_numbers_);
      device_->upload(context.queue_, state_.template as<float>(), zeros.data(), state_.bytes());
    }
    lane_sums_ = Buffer<Device>(*device_, chunks.size() * block_lanes * sizeof(double));
    sums_ = Buffer<Device>(*device_, chunks.size() * sizeof(double));
    squares_ = Buffer<Device>(*device_, (starts.size() + 1) * sizeof(double));
    factors_ = Buffer<Device>(*device_, starts.size() * sizeof(float));
    found_ = Buffer<Device>(*device_, sizeof(Found));
    const ProgramSpec& spec = program.spec_;
    const auto batch = static_cast<std::size_t>(program.batch_);
    settings_host_ = HostBuffer(*device_, program.settings_bytes());
    features_host_ = HostBuffer(*device_, spec.input_dims.size() * batch * sizeof(float));
    outputs_host_ = HostBuffer(*device_, spec.output_dims.size() * batch * sizeof(float));
    found_host_ = HostBuffer(*device_, sizeof(Found));
  }

  TrainingOf(const TrainingOf&) = delete;
  TrainingOf& operator=(const TrainingOf&) = delete;
  ~TrainingOf() { wait_for_copies(*device_, context_->queue_); }

  /// A step on the host's features of n images, not awaited.
  void begin(const TrainingStep& step, const float* features) {
    const ProgramSpec& spec = program_->spec_;
    const std::size_t given = spec.input_dims.size() * static_cast<std::size_t>(step.n);
    auto* const there = reinterpret_cast<float*>(features_host_.data());
    std::copy_n(features, given, there);
    std::fill_n(there + given, spec.input_dims.size() * static_cast<std::size_t>(program_->batch_) - given, 0.0F);
    const bool vector = spec.input_dims.is_vector();
    float* const to = vector ? context_->vector(spec.input) : context_->plain(spec.input_dims);
    device_->upload_later(context_->queue_, to, there, spec.input_dims.size() * static_cast<std::size_t>(program_->batch_) * sizeof(float));
    if (!vector) program_->to_maps(*context_, program_->maps(spec.input_dims), to, nullptr, context_->template map<T>(spec.input));
    begin(step);
  }

  /// A step on what the layers before have made of a batch, on the device: behind their work, not awaited.
  void begin(const TrainingStep& step, const Program& before, Context& made) {
    const ProgramSpec& spec = program_->spec_;
    if (!ready_) ready_ = std::make_unique<typename Device::Event>(*device_);
    device_->record(made.queue_, *ready_);
    device_->wait(context_->queue_, *ready_);
    if (spec.input_dims.is_vector()) {
      const auto numbers = static_cast<std::int64_t>(spec.input_dims.size()) * program_->batch_;
      device_->launch(context_->queue_, AddRelu<float>{numbers, false, made.vector(before.spec_.output), nullptr, context_->vector(spec.input)});
    } else {
      const T* const from = made.template map<T>(before.spec_.output);
      device_->launch(context_->queue_, AddRelu<T>{program_->maps(spec.input_dims).numbers(), false, from, nullptr,
                                                   context_->template map<T>(spec.input)});
    }
    begin(step);
  }

  /// Awaits the step that was begun: its outputs, n x outputs; whether the loss's gradient and all others were finite, without
  /// which nothing has changed. In half, a step that lost gradients to infinity is made again with half the scale.
  bool finish(std::span<float> outputs) {
    Found found = await();
    while (found.finite_gradients == 0 && found.finite_seed != 0 && context_->scale_down()) {
      send_settings();
      run();
      found = await();
    }
    context_->count_step();
    std::memcpy(outputs.data(), outputs_host_.data(), outputs.size_bytes());
    return found.finite_gradients != 0 && found.finite_seed != 0;
  }

  /// The gradients of the last step, clipped if it updated, where ParameterInfo::gradient says.
  void read_gradients(std::span<float> to) const { download(context_->gradients_, 0, to); }
  /// Parameters that change, into all parameters.
  void read_parameters(std::span<float> to) const {
    for (const int p : parameters_) {
      const ParameterInfo& info = program_->info(p);
      download(program_->trained_, info.gradient, to.subspan(info.offset, info.parameter.size()));
    }
  }
  /// The optimiser's state: of each parameter that trains, in order, its runs of numbers.
  void read_state(std::span<float> to) const {
    for_each_run([&](std::size_t there, std::size_t here, std::size_t size) { download(state_, there, to.subspan(here, size)); });
  }
  void write_state(std::span<const float> from) {
    for_each_run([&](std::size_t there, std::size_t here, std::size_t size) {
      device_->upload(context_->queue_, state_.template as<float>() + there, from.data() + here, size * sizeof(float));
    });
  }

 private:
  using HostBuffer = typename Device::HostBuffer;

  template <class Item>
  Buffer<Device> given(const std::vector<Item>& items) {
    Buffer<Device> made(*device_, items.size() * sizeof(Item));
    device_->upload(context_->queue_, made.template as<Item>(), items.data(), items.size() * sizeof(Item));
    return made;
  }
  void download(const Buffer<Device>& from, std::size_t first, std::span<float> to) const {
    device_->download(context_->queue_, to.data(), from.template as<float>() + first, to.size_bytes());
  }
  /// Of each parameter and each run of its state: where it begins on the device, on the host, and its numbers.
  template <class Act>
  void for_each_run(Act act) const {
    std::size_t here = 0;
    for (const int p : parameters_) {
      if (!program_->trains(p)) continue;
      const std::size_t size = program_->info(p).parameter.size();
      for (std::size_t k = 0; k < kept_; ++k, here += size) act(k * program_->gradient_numbers_ + program_->info(p).gradient, here, size);
    }
  }

  void begin(const TrainingStep& step) {
    settings_ = {.divisor = step.divisor, .update = step.updates.empty() ? 0 : 1, .limit = step.limit, .clip = step.clip, .n = step.n,
                 .step = context_->dropout.step, .seed = context_->dropout.seed};
    std::byte* const to = settings_host_.data();
    std::memset(to, 0, program_->settings_bytes());  // an image that is not there weighs nothing
    std::memcpy(to + program_->truth_at(), step.truth.data(), step.truth.size_bytes());
    std::memcpy(to + program_->slope_at(), step.slope.data(), step.slope.size_bytes());
    std::memcpy(to + program_->weight_at(), step.weight.data(), step.weight.size_bytes());
    if (!step.updates.empty()) std::memcpy(to + program_->updates_at(), step.updates.data(), step.updates.size_bytes());
    send_settings();
    run();
  }
  void send_settings() {
    settings_.loss_scale = context_->loss_scale;
    settings_.back = 1 / context_->loss_scale;
    std::memcpy(settings_host_.data(), &settings_, sizeof settings_);
    device_->upload_later(context_->queue_, context_->settings_.template as<void>(), settings_host_.data(), program_->settings_bytes());
  }

  void run() {
    Context& c = *context_;
    const ProgramSpec& spec = program_->spec_;
    const bool watched = c.profile != nullptr;
    if (watched) program_->run_watched(c, program_->batch_);
    device_->replay(c.queue_, watched ? behind_ : whole_, [&] {
      Launches<T, Device> work(*device_, c.queue_, program_->batch_);
      if (!watched) program_->run_operations(c, work);
      work.image_by_image(loss_gradient());
      program_->run_backward_operations(c, true, work);
      work.finish();
      update();
    });
    device_->download_later(c.queue_, outputs_host_.data(), c.vector(spec.output),
                            spec.output_dims.size() * static_cast<std::size_t>(program_->batch_) * sizeof(float));
    device_->download_later(c.queue_, found_host_.data(), found_.template as<void>(), sizeof(Found));
  }
  Found await() {
    device_->wait(context_->queue_);
    Found found;
    std::memcpy(&found, found_host_.data(), sizeof found);
    return found;
  }

  [[nodiscard]] LossGradient loss_gradient() const {
    const Context& c = *context_;
    const auto behind = [&](std::size_t at) {
      return reinterpret_cast<const float*>(c.settings_.template as<std::byte>() + at);
    };
    const int output = program_->spec_.output;
    return {program_->batch_, static_cast<int>(program_->spec_.output_dims.size()), c.vector(output), behind(program_->truth_at()),
            behind(program_->slope_at()), behind(program_->weight_at()), c.settings(), c.vector_gradient(output)};
  }

  /// Whether all is finite, the optimiser, and working copies of what it has changed.
  void update() {
    Context& c = *context_;
    const ProgramSpec& spec = program_->spec_;
    const auto numbers = static_cast<std::int64_t>(program_->gradient_numbers_);
    const int count = static_cast<int>(parameters_.size());
    const StepSettings* const settings = c.settings();
    const auto* const updates = reinterpret_cast<const op::Update*>(c.settings_.template as<std::byte>() + program_->updates_at());
    const auto* const chunks = chunks_.template as<Chunk>();
    auto* const sums = sums_.template as<double>();
    auto* const factors = factors_.template as<float>();
    auto* const found = found_.template as<Found>();
    float* const state = state_.template as<float>();
    device_->launch(c.queue_, SquareSums{chunk_count_, chunks, c.gradients_.template as<float>(), numbers,
                                         lane_sums_.template as<double>(), sums});
    device_->launch(c.queue_, Judge{chunk_count_, count, chunks, sums,
                                    static_cast<std::int64_t>(spec.output_dims.size()) * program_->batch_, c.vector_gradient(spec.output),
                                    settings, updates, lane_sums_.template as<double>(), squares_.template as<double>(), factors, found});
    device_->launch(c.queue_, UpdateParameters{count, numbers, starts_.template as<std::int64_t>(), updates, factors, settings, found,
                                               c.gradients_.template as<float>(), program_->trained_.template as<float>(),
                                               kept_ > 0 ? state : nullptr, kept_ > 1 ? state + numbers : nullptr});
    program_->pack(c.queue_, [](const auto& weights) { return weights.weight_gradient != nullptr; });
  }

  Program* program_;
  Context* context_;
  Device* device_;
  std::size_t kept_;
  std::vector<int> parameters_;  // that change, as their gradients lie
  int chunk_count_ = 0;
  Buffer<Device> starts_, chunks_, state_, lane_sums_, sums_, squares_, factors_, found_;
  HostBuffer settings_host_, features_host_, outputs_host_, found_host_;
  StepSettings settings_;
  std::unique_ptr<typename Device::Event> ready_;
  typename Device::Recording whole_, behind_;  // a step; one without its forward, which somebody watched
};

}  // namespace cxrnet::cuda
