#pragma once
#include <cxrnet/backend/cuda/context.hpp>
#include <cxrnet/backend/cuda/launches.hpp>
#include <cxrnet/backend/cuda/layer_weights.hpp>
#include <cxrnet/backend/cuda/operations.hpp>
#include <cxrnet/backend/cuda/readers.hpp>
#include <cxrnet/backend/cuda/staging.hpp>
#include <cxrnet/backend/program.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace cxrnet::cuda {

/// Bytes of one image's value on the device: an image in these numbers, channels padded; a vector in floats.
constexpr std::size_t device_bytes(const Dims& dims, Number number) {
  if (dims.is_vector()) return dims.size() * sizeof(float);
  return dims.size() / static_cast<std::size_t>(dims.channels) *
         static_cast<std::size_t>(padded_channels(dims.channels, number)) * size_of(number);
}

/// Whether the backend has an operation: none of a user's functions, softmax and sigmoid of vectors alone.
constexpr bool has(const op::Operation& o) {
  const bool vector_only = o.activation == op::Activation::softmax || o.activation == op::Activation::sigmoid;
  return o.kind != op::Kind::custom && !(vector_only && (o.out.is_image() || o.kind != op::Kind::activation));
}

template <class Program>
class TrainingOf;  // training.hpp

/// A list of operations on a device: convolutions as cuDNN's graphs, what stands between them as kernels of ours. Always
/// runs whole batches: images that are not there are zeros and their gradients nothing. In half, gradients are computed times
/// a power of two that is halved, and the step made again, until nothing is lost to infinity.
template <Number number_, class Device_>
class Program {
  using T = Storage<number_>;

 public:
  using Device = Device_;
  static constexpr Number number = number_;
  using Context = ContextOf<Program>;
  using Staging = StagingOf<Program>;
  using Training = TrainingOf<Program>;
  using Operations = OperationsOf<Program>;

  Program(const ProgramSpec& spec, int batch, const float* parameters)
      : spec_(spec), batch_(batch), parameters_(parameters), device_(&Device::current()), queue_(*device_),
        readers_(spec.operations, spec.values.size()), vectors_(spec.values.size()) {
    if (spec.input_dims.is_vector()) place_vector(spec.input, spec.input_dims);
    for (std::size_t i = 0; i < spec.operations.size(); ++i) {
      const op::Operation& o = spec.operations[i];
      refuse_unless_known(o);
      trains_ = trains_ || o.backward();
      for (const int p : parameters_of(o)) {
        if (changes(p)) gradient_numbers_ = std::max(gradient_numbers_, info(p).gradient + info(p).parameter.size());
      }
      if (sums(o)) {
        sum_bytes_ = std::max(sum_bytes_, o.in.is_vector() ? Normalisation::bytes<float>(maps(o.in)) : Normalisation::bytes<T>(maps(o.in)));
      }
      if (o.out.is_vector()) place_vector(o.output, o.out);
      if (o.gradient_in && o.in.is_image() && readers_.adds(i, o.inputs[0])) {
        part_bytes_ = std::max(part_bytes_, device_bytes(o.in, number_) * static_cast<std::size_t>(batch));
      }
    }
    trained_ = Buffer<Device>(*device_, gradient_numbers_ * sizeof(float));
    weights_.reserve(spec.operations.size());
    for (std::size_t i = 0; i < spec.operations.size(); ++i) {
      const op::Operation& o = spec.operations[i];
      auto& made = weights_.emplace_back(*device_, spec, o, batch, readers_.masks_alone(i, o.inputs[0]), trained_.template as<float>());
      workspace_ = std::max(workspace_, made.workspace_bytes());
      made.kernel_gradient_at = kernel_gradient_bytes_;
      made.bias_gradient_at = bias_gradient_bytes_;
      kernel_gradient_bytes_ += aligned(made.kernel_gradient_bytes());
      bias_gradient_bytes_ += aligned(made.bias_gradient_bytes());
    }
    update();
  }

  /// Uploads parameters and makes the working copies anew.
  void update() {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const std::array<int, 6> numbers = parameters_of(spec_.operations[i]);
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        if (numbers[k] >= 0) upload(numbers[k], weights_[i].parameters[k]);
      }
    }
    pack(queue_, [](const Weights&) { return true; });
    device_->wait(queue_);
  }

  /// On the device.
  [[nodiscard]] std::size_t packed_bytes() const {
    std::size_t sum = 0;
    for (const Weights& w : weights_) sum += w.packed.bytes() + w.packed_bias.bytes();
    return sum;
  }
  /// On the host: none.
  [[nodiscard]] std::size_t workspace_bytes() const { return 0; }
  [[nodiscard]] const ProgramSpec& spec() const { return spec_; }
  [[nodiscard]] int batch() const { return batch_; }

  [[nodiscard]] std::vector<Algorithm> algorithms() const {
    std::vector<Algorithm> list;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const op::Operation& o = spec_.operations[i];
      list.push_back({o.layer, cxrnet::describe(o), weights_[i].forward_name()});
    }
    for (std::size_t i = weights_.size(); i-- > 0;) {
      const op::Operation& o = spec_.operations[i];
      if (o.backward()) list.push_back({o.layer, cxrnet::describe(o) + " backward", weights_[i].backward_name()});
    }
    return list;
  }

  /// Runs n <= batch images; `output` may be null, and `input`, for the images of the call before, whose output was no image.
  void forward(Context& c, const void* input, int n, float* output) const {
    tell(c, n);
    send(c, spec_.input_dims, static_cast<const float*>(input), n, nullptr, c.template map<T>(spec_.input), c.vector(spec_.input));
    run_all(c, n, output);
  }

  /// Where a context's decoded images come in.
  Staging& staging(Context& c) const {
    if (!c.staging_) c.staging_ = std::make_unique<Staging>(*this, c);
    return *c.staging_;
  }

  /// Gradients of what trains, written (not added) to `gradients`; `forward` of the same n images came before.
  void backward(Context& c, int n, const float* seed, float* gradients) const {
    const bool finite_seed = std::all_of(seed, seed + static_cast<std::size_t>(n) * spec_.output_dims.size(),
                                         [](float x) { return std::isfinite(x); });
    while (!run_backward(c, n, seed, gradients) && finite_seed && c.scale_down()) {
      replay_forward(c);  // a backward may have written over what it read
    }
    c.count_step();
  }

 private:
  friend Context;
  friend Operations;
  friend Staging;
  friend Training;
  using Weights = LayerWeights<number_, Device>;
  using Work = Launches<T, Device>;

  static constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

  static void refuse_unless_known(const op::Operation& o) {
    if (has(o)) return;
    throw BackendError("The CUDA backend has no " + cxrnet::describe(o) + " yet (layer " + std::to_string(o.layer) +
                       "): run this network on the CPU.");
  }

  /// All operations, on what lies in the input's place.
  void run_all(Context& c, int n, float* output) const {
    if (c.profile == nullptr && c.observer == nullptr) replay_forward(c);
    else run_watched(c, n);
    if (output != nullptr) receive(c, spec_.output_dims, spec_.output, n, output);
  }
  void replay_forward(Context& c) const {
    device_->replay(c.queue_, c.forward_, [&] {
      Work work(*device_, c.queue_, batch_);
      run_operations(c, work);
      work.finish();
    });
  }
  void run_operations(Context& c, Work& work) const {
    Operations run(*this, c, work);
    for (std::size_t i = 0; i < spec_.operations.size(); ++i) run.forward(i);
  }

  /// The same, one after the other, for who wants times or values.
  void run_watched(Context& c, int n) const {
    for (std::size_t i = 0; i < spec_.operations.size(); ++i) {
      const op::Operation& o = spec_.operations[i];
      {
        const Stopwatch watch(c.profile == nullptr ? nullptr : &c.profile->seconds[i]);
        Work work(*device_, c.queue_, batch_);
        Operations(*this, c, work).forward(i);
        work.finish();
        if (c.profile != nullptr) device_->wait(c.queue_);
      }
      if (c.observer != nullptr) {
        std::vector<float> shown(static_cast<std::size_t>(n) * o.out.size());
        receive(c, o.out, o.output, n, shown.data());
        (*c.observer)(o, n, shown);
      }
    }
    if (c.profile != nullptr) c.profile->images += batch_;
  }

  [[nodiscard]] const ParameterInfo& info(int p) const { return spec_.parameters[static_cast<std::size_t>(p)]; }
  [[nodiscard]] bool trains(int p) const { return p >= 0 && info(p).trains; }
  [[nodiscard]] bool changes(int p) const { return p >= 0 && info(p).changes(); }
  /// A vector is a map of one place.
  [[nodiscard]] Maps maps(const Dims& dims) const {
    return dims.is_vector() ? Maps{batch_, 1, 1, dims.channels, dims.channels} : maps_of(dims, number_, batch_);
  }
  /// Whether an operation sums over places: a batch normalisation by its batch, and a bias by itself on its way back.
  [[nodiscard]] static bool sums(const op::Operation& o) {
    return o.statistics == op::Statistics::batch || (o.gradient_parameters && (o.kind == op::Kind::batch_norm || o.kind == op::Kind::bias));
  }
  [[nodiscard]] std::size_t input_bytes() const {
    return spec_.input_dims.is_vector() ? 0 : device_bytes(spec_.input_dims, number_) * static_cast<std::size_t>(batch_);
  }

  // What lies behind a context's StepSettings: truths, an image's slope and weight, updates.
  [[nodiscard]] std::size_t truth_at() const { return sizeof(StepSettings); }
  [[nodiscard]] std::size_t slope_at() const {
    return truth_at() + spec_.output_dims.size() * static_cast<std::size_t>(batch_) * sizeof(float);
  }
  [[nodiscard]] std::size_t weight_at() const { return slope_at() + static_cast<std::size_t>(batch_) * sizeof(float); }
  [[nodiscard]] std::size_t updates_at() const { return weight_at() + static_cast<std::size_t>(batch_) * sizeof(float); }
  [[nodiscard]] std::size_t settings_bytes() const { return updates_at() + spec_.parameters.size() * sizeof(op::Update); }

  void place_vector(int v, const Dims& dims) {
    auto& places = vectors_[static_cast<std::size_t>(v)];
    for (std::size_t* const place : {&places.value, &places.gradient, &places.part}) {
      if (place == &places.part && !readers_.several(v)) continue;
      *place = vector_numbers_;
      vector_numbers_ += (dims.size() + 63) / 64 * 64;
    }
  }

  void upload(int p, float* to) {
    device_->upload(queue_, to, parameters_ + info(p).offset, info(p).parameter.size() * sizeof(float));
  }
  /// Makes working copies anew, of the layers that are asked for.
  template <class Asked>
  void pack(typename Device::Queue& queue, Asked asked) const {
    Work work(*device_, queue, batch_);
    for (const Weights& w : weights_) {
      if (w.forward != nullptr && asked(w)) work.later(w.packing());
    }
    work.finish();
  }

  [[nodiscard]] std::size_t plain_bytes() const {
    return std::max(spec_.input_dims.size(), spec_.output_dims.size()) * static_cast<std::size_t>(batch_) * sizeof(float);
  }

  void to_maps(Context& c, const Maps& m, const float* from, const T* relu, T* to) const {
    with_lanes<T>(m, [&]<int lanes>() { device_->launch(c.queue_, ToMaps<T, lanes>{m, from, relu, to}); });
  }

  /// What the kernels of a training program are told, where it is something else than before.
  void tell(Context& c, int n) const {
    if (!trains_) return;
    const StepSettings now{.loss_scale = c.loss_scale, .back = 1 / c.loss_scale, .n = n, .step = c.dropout.step, .seed = c.dropout.seed};
    if (c.told_ == now) return;
    device_->upload(c.queue_, c.settings_.template as<void>(), &now, sizeof now);
    c.told_ = now;
  }

  /// n plain images or vectors of the host to the device's layout, the rest of the batch zeros; null: images that are there already.
  void send(Context& c, const Dims& dims, const float* from, int n, const T* relu, T* to_map, float* to_vector, float scale = 1) const {
    const std::size_t given = dims.size() * static_cast<std::size_t>(n), all = dims.size() * static_cast<std::size_t>(batch_);
    float* const there = dims.is_vector() ? to_vector : c.plain(dims);
    if (from != nullptr && scale == 1 && given == all) {
      device_->upload(c.queue_, there, from, all * sizeof(float));
    } else if (from != nullptr) {
      std::vector<float> plain(all);
      std::transform(from, from + given, plain.begin(), [scale](float x) { return x * scale; });
      device_->upload(c.queue_, there, plain.data(), all * sizeof(float));
    }
    if (dims.is_image()) to_maps(c, maps(dims), there, relu, to_map);
  }

  void receive(Context& c, const Dims& dims, int value, int n, float* to) const {
    device_->download(c.queue_, to, plain(c, dims, value), dims.size() * static_cast<std::size_t>(n) * sizeof(float));
  }
  /// A value as the host has it, on the device.
  const float* plain(Context& c, const Dims& dims, int value) const {
    if (dims.is_vector()) return c.vector(value);
    float* const there = c.plain(dims);
    device_->launch(c.queue_, ToPlain<T>{maps(dims), c.template map<T>(value), there});
    return there;
  }

  /// Whether all gradients came out finite.
  bool run_backward(Context& c, int n, const float* seed, float* gradients) const {
    const bool logits = c.seed == Seed::logits;
    const bool last_relu = spec_.output_dims.is_image() && ends_in_relu();
    tell(c, n);
    send(c, spec_.output_dims, seed, n, last_relu ? c.template map<T>(spec_.output) : nullptr, c.template map_gradient<T>(spec_.output),
         c.vector_gradient(spec_.output), c.loss_scale);
    if (c.recorded_logits_ != logits) c.backward_.clear();
    c.recorded_logits_ = logits;
    device_->replay(c.queue_, c.backward_, [&] {
      Work work(*device_, c.queue_, batch_);
      run_backward_operations(c, logits, work);
      work.finish();
    });
    bool finite = true;
    for_each_gradient([&](int p) {
      const std::span<float> here(gradients + info(p).gradient, info(p).parameter.size());
      device_->download(c.queue_, here.data(), c.gradients_.template as<float>() + info(p).gradient, here.size_bytes());
      finite = finite && std::ranges::all_of(here, [](float g) { return std::isfinite(g); });
    });
    return finite;
  }
  void run_backward_operations(Context& c, bool logits, Work& work) const {
    Operations run(*this, c, work);
    for (std::size_t i = spec_.operations.size(); i-- > 0;) {
      const op::Operation& o = spec_.operations[i];
      if (!o.backward()) continue;
      op::for_each_recomputed(spec_.operations, i, [&](std::size_t k) { run.forward(k); });
      run.backward(i, logits && o.output == spec_.output);
    }
  }
  /// Of each parameter that backward gives a gradient of, or a statistic.
  template <class Act>
  void for_each_gradient(Act act) const {
    for (const op::Operation& o : spec_.operations) {
      for (const int p : parameters_of(o)) {
        if (changes(p) && o.gradient_parameters) act(p);
      }
    }
  }

  [[nodiscard]] bool ends_in_relu() const {
    return !spec_.operations.empty() && spec_.operations.back().activation == op::Activation::relu;
  }

  struct VectorPlaces {
    std::size_t value = 0, gradient = 0, part = 0;  // the first number for an image of a batch of one
  };
  ProgramSpec spec_;
  int batch_;
  const float* parameters_;
  Device* device_;
  mutable typename Device::Queue queue_;
  Buffer<Device> trained_;        // parameters that change, as gradients lie
  std::vector<Weights> weights_;  // by operation
  Readers readers_;
  std::vector<VectorPlaces> vectors_;  // by value
  std::size_t vector_numbers_ = 0;
  bool trains_ = false;
  std::size_t workspace_ = 0, kernel_gradient_bytes_ = 0, bias_gradient_bytes_ = 0;
  std::size_t gradient_numbers_ = 0, part_bytes_ = 0, sum_bytes_ = 0;
};

}  // namespace cxrnet::cuda
