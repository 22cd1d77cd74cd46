#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/layer_weights.hpp>
#include <cxrnet/backend/cuda/map_kernels.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/backend/cuda/vector_kernels.hpp>
#include <cxrnet/backend/program.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
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

/// A list of operations on a device: convolutions as cuDNN's graphs, what stands between them as kernels of ours. Always
/// runs whole batches: images that are not there are zeros and their gradients nothing. In half, gradients are computed times
/// a power of two that is halved, and the backward repeated, until nothing is lost to infinity.
template <Number number_, class Device>
class Program {
  using T = Storage<number_>;
  static constexpr float largest_loss_scale = 32768;
  static constexpr int steps_before_growing = 2000;  // as PyTorch's GradScaler

 public:
  Program(const ProgramSpec& spec, int batch, const float* parameters)
      : spec_(spec), batch_(batch), parameters_(parameters), device_(&Device::current()), queue_(*device_),
        masks_(spec.values.size()) {
    std::vector<int> readers(spec.values.size());
    for (const op::Operation& o : spec.operations) {
      refuse_unless_known(o);
      for (int k = 0; k < o.input_count(); ++k) ++readers[static_cast<std::size_t>(o.inputs[static_cast<std::size_t>(k)])];
    }
    for (const op::Operation& o : spec.operations) {
      const auto v = static_cast<std::size_t>(o.output);
      masks_[v] = o.activation == op::Activation::relu && readers[v] == 1;
    }
    weights_.reserve(spec.operations.size());
    for (const op::Operation& o : spec.operations) {
      const auto& made = weights_.emplace_back(*device_, spec, o, batch, mask_of(o.inputs[0]));
      workspace_ = std::max(workspace_, made.workspace_bytes());
      kernel_gradient_ = std::max(kernel_gradient_, made.kernel_gradient_bytes());
      bias_gradient_ = std::max(bias_gradient_, made.bias_gradient_bytes());
      for (const int p : {o.kernel, o.bias}) {
        if (trains(p)) gradient_numbers_ = std::max(gradient_numbers_, info(p).gradient + info(p).parameter.size());
      }
    }
    update();
  }

  /// Uploads parameters and makes the working copies anew.
  void update() {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const op::Operation& o = spec_.operations[i];
      if (o.kernel >= 0) upload(o.kernel, weights_[i].kernel);
      if (o.bias >= 0) upload(o.bias, weights_[i].bias);
      weights_[i].pack(*device_, queue_);
    }
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

  /// One thread's memory on the device, and its queue; memory of the host is not needed.
  class Context : public CallSettings {
   public:
    Context(const Program& program, std::byte*, std::byte*)
        : program_(&program), queue_(*program.device_),
          arena_(*program.device_, program.spec_.bytes * static_cast<std::size_t>(program.batch_)),
          workspace_(*program.device_, program.workspace_),
          plain_(*program.device_, program.plain_numbers() * sizeof(float)),
          gradients_(*program.device_, program.gradient_numbers_ * sizeof(float)),
          kernel_gradient_(*program.device_, program.kernel_gradient_),
          bias_gradient_(*program.device_, program.bias_gradient_),
          maps_(*program.device_, program.spec_.image.size() == 3 ? static_cast<std::size_t>(program.batch_) * sizeof(Affine) : 0) {}
    float loss_scale = number_ == Number::half ? largest_loss_scale : 1.0F;  ///< of the next backward

    static constexpr std::size_t carried = number_ == Number::half ? 2 : 0;
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
    friend class Program;
    template <class To>
    [[nodiscard]] To* at(const Slot& slot) const {
      return reinterpret_cast<To*>(arena_.template as<std::byte>() + slot.offset * static_cast<std::size_t>(program_->batch_));
    }
    template <class To>
    [[nodiscard]] To* value(int v) const {
      return at<To>(program_->spec_.values[static_cast<std::size_t>(v)]);
    }
    template <class To>
    [[nodiscard]] To* gradient(int v) const {
      return at<To>(program_->spec_.gradients[static_cast<std::size_t>(v)]);
    }
    const Program* program_;
    typename Device::Queue queue_;
    Buffer<Device> arena_, workspace_;
    Buffer<Device> plain_;      // the input, the output and the seed as the host has them
    Buffer<Device> gradients_;  // of what trains here, as the host has them
    Buffer<Device> kernel_gradient_, bias_gradient_;
    Buffer<Device> maps_;       // of decoded images' coordinates
    typename Device::Recording forward_, backward_;
    bool recorded_logits_ = false;  // what backward_ is of
    float recorded_back_ = 0;
    int steps_without_loss_ = 0;
  };

  /// Runs n <= batch images; `output` may be null.
  void forward(Context& c, const void* input, int n, float* output) const {
    send(c, spec_.input_dims, static_cast<const float*>(input), n, nullptr, c.template value<std::byte>(spec_.input));
    run_all(c, n, output);
  }

  /// The same of decoded images (RGB), sampled at maps' coordinates and preprocessed on the device. 12 bytes of a float
  /// image's pixel are 3 here, on their way to it.
  void forward_decoded(Context& c, const std::uint8_t* rgb, const Affine* maps_of_images, int n, float* output) const {
    const Maps m = maps(spec_.input_dims);
    device_->upload(c.queue_, c.plain_.template as<std::uint8_t>(), rgb, spec_.input_dims.size() * static_cast<std::size_t>(n));
    device_->upload(c.queue_, c.maps_.template as<Affine>(), maps_of_images, static_cast<std::size_t>(n) * sizeof(Affine));
    device_->launch(c.queue_, SampleImages<T>{m, n, {spec_.image[0], spec_.image[1], spec_.image[2]}, c.maps_.template as<Affine>(),
                                              c.plain_.template as<std::uint8_t>(), c.template value<T>(spec_.input)});
    run_all(c, n, output);
  }

  /// Gradients of what trains, written (not added) to `gradients`; `forward` of the same n images came before.
  void backward(Context& c, int n, const float* seed, float* gradients) const {
    const bool finite_seed = std::all_of(seed, seed + static_cast<std::size_t>(n) * spec_.output_dims.size(),
                                         [](float x) { return std::isfinite(x); });
    for (;;) {
      if (run_backward(c, n, seed, gradients) || number_ != Number::half || !finite_seed || c.loss_scale <= 1) break;
      c.loss_scale /= 2;
      c.steps_without_loss_ = 0;
    }
    if (number_ == Number::half && ++c.steps_without_loss_ >= steps_before_growing) {
      c.loss_scale = std::min(largest_loss_scale, c.loss_scale * 2);
      c.steps_without_loss_ = 0;
    }
  }

 private:
  static constexpr int wide = 16 / static_cast<int>(sizeof(T));
  using Weights = LayerWeights<number_, Device>;

  static void refuse_unless_known(const op::Operation& o) {
    const bool known = o.kind == op::Kind::convolution || o.kind == op::Kind::dense || o.kind == op::Kind::activation ||
                       o.kind == op::Kind::max_pool || o.kind == op::Kind::global_average_pool ||
                       o.kind == op::Kind::flatten || o.kind == op::Kind::add;
    const bool vector_only = o.activation == op::Activation::softmax || o.activation == op::Activation::sigmoid;
    if (known && !(vector_only && (o.out.is_image() || o.kind != op::Kind::activation))) return;
    throw BackendError("The CUDA backend has no " + cxrnet::describe(o) + " yet (layer " + std::to_string(o.layer) +
                       "): run this network on the CPU.");
  }

  /// All operations, on what lies in the input's place.
  void run_all(Context& c, int n, float* output) const {
    if (c.profile == nullptr && c.observer == nullptr) {
      device_->replay(c.queue_, c.forward_, [&] {
        for (std::size_t i = 0; i < spec_.operations.size(); ++i) run(c, i);
      });
    } else {
      run_watched(c, n);
    }
    if (output != nullptr) receive(c, spec_.output_dims, c.template value<std::byte>(spec_.output), n, output);
  }

  /// The same, one after the other, for who wants times or values.
  void run_watched(Context& c, int n) const {
    for (std::size_t i = 0; i < spec_.operations.size(); ++i) {
      const op::Operation& o = spec_.operations[i];
      {
        const Stopwatch watch(c.profile == nullptr ? nullptr : &c.profile->seconds[i]);
        run(c, i);
        if (c.profile != nullptr) device_->wait(c.queue_);
      }
      if (c.observer != nullptr) {
        std::vector<float> shown(static_cast<std::size_t>(n) * o.out.size());
        receive(c, o.out, c.template value<std::byte>(o.output), n, shown.data());
        (*c.observer)(o, n, shown);
      }
    }
    if (c.profile != nullptr) c.profile->images += batch_;
  }

  [[nodiscard]] const ParameterInfo& info(int p) const { return spec_.parameters[static_cast<std::size_t>(p)]; }
  [[nodiscard]] bool trains(int p) const { return p >= 0 && info(p).trains; }
  [[nodiscard]] Maps maps(const Dims& dims) const { return maps_of(dims, number_, batch_); }

  void upload(int p, Buffer<Device>& to) {
    device_->upload(queue_, to.template as<float>(), parameters_ + info(p).offset, info(p).parameter.size() * sizeof(float));
  }

  /// Whether a value is a ReLU's output that one operation reads: whoever writes its gradient then applies the ReLU's.
  [[nodiscard]] bool mask_of(int v) const { return masks_[static_cast<std::size_t>(v)]; }
  template <class To>
  [[nodiscard]] const To* mask(Context& c, int v) const {
    return mask_of(v) ? c.template value<To>(v) : nullptr;
  }

  [[nodiscard]] std::size_t plain_numbers() const {
    std::size_t most = std::max(spec_.input_dims.size(), spec_.output_dims.size());
    for (const op::Operation& o : spec_.operations) most = std::max(most, o.out.size());  // for an observer
    return most * static_cast<std::size_t>(batch_);
  }

  /// Launches make<lanes>() with as many neighbouring channels as 16 bytes hold, which maps of floats may not have.
  template <class Make>
  void launch_wide(Context& c, const Maps& m, Make make) const {
    if constexpr (sizeof(T) == sizeof(float)) {
      if (m.stride % wide != 0) return device_->launch(c.queue_, make.template operator()<1>());
    }
    device_->launch(c.queue_, make.template operator()<wide>());
  }

  /// n plain images or vectors of the host to the device's layout, the rest of the batch zeros.
  void send(Context& c, const Dims& dims, const float* from, int n, const T* relu, std::byte* to, float scale = 1) const {
    const std::size_t given = dims.size() * static_cast<std::size_t>(n), all = dims.size() * static_cast<std::size_t>(batch_);
    float* const there = dims.is_vector() ? reinterpret_cast<float*>(to) : c.plain_.template as<float>();
    if (scale == 1 && given == all) {
      device_->upload(c.queue_, there, from, all * sizeof(float));
    } else {
      std::vector<float> plain(all);
      std::transform(from, from + given, plain.begin(), [scale](float x) { return x * scale; });
      device_->upload(c.queue_, there, plain.data(), all * sizeof(float));
    }
    if (dims.is_vector()) return;
    const Maps m = maps(dims);
    launch_wide(c, m, [&]<int lanes>() { return ToMaps<T, lanes>{m, there, relu, reinterpret_cast<T*>(to)}; });
  }

  void receive(Context& c, const Dims& dims, const std::byte* from, int n, float* to) const {
    const void* there = from;
    if (dims.is_image()) {
      there = c.plain_.template as<float>();
      device_->launch(c.queue_, ToPlain<T>{maps(dims), reinterpret_cast<const T*>(from), c.plain_.template as<float>()});
    }
    device_->download(c.queue_, to, there, dims.size() * static_cast<std::size_t>(n) * sizeof(float));
  }

  void run(Context& c, std::size_t i) const {
    const op::Operation& o = spec_.operations[i];
    const Weights& w = weights_[i];
    const int in = static_cast<int>(o.in.size()), out = static_cast<int>(o.out.size());
    T* const x = c.template value<T>(o.inputs[0]);
    T* const y = c.template value<T>(o.output);
    auto* const vector_x = c.template value<float>(o.inputs[0]);
    auto* const vector_y = c.template value<float>(o.output);
    const bool relu = o.activation == op::Activation::relu;
    switch (o.kind) {
      case op::Kind::convolution: {
        std::vector<void*> operands{x, w.packed.template as<void>()};
        if (o.bias >= 0) operands.push_back(w.packed_bias.template as<void>());
        operands.push_back(y);
        device_->execute(c.queue_, *w.forward, operands, c.workspace_.template as<void>());
        break;
      }
      case op::Kind::dense:
        device_->launch(c.queue_, DenseForward{batch_, in, out, relu, vector_x, w.kernel.template as<float>(),
                                               w.bias.template as<float>(), vector_y});
        break;
      case op::Kind::max_pool: {
        const Maps from = maps(o.in), to = maps(o.out);
        launch_wide(c, to, [&]<int lanes>() { return MaxPool<T, lanes>{from, to, o.window, x, y}; });
        break;
      }
      case op::Kind::global_average_pool:
        device_->launch(c.queue_, GlobalAverage<T>{maps(o.in), x, vector_y});
        break;
      case op::Kind::flatten:
        if (o.in.is_vector()) add_relu(c, o, vector_x, nullptr, vector_y);
        else device_->launch(c.queue_, ToPlain<T>{maps(o.in), x, vector_y});
        break;
      case op::Kind::add:
        if (o.out.is_image()) add_relu(c, o, x, c.template value<T>(o.inputs[1]), y);
        else add_relu(c, o, vector_x, c.template value<float>(o.inputs[1]), vector_y);
        break;
      case op::Kind::activation:
        if (o.activation == op::Activation::softmax) device_->launch(c.queue_, Softmax{batch_, out, vector_x, vector_y});
        else if (o.activation == op::Activation::sigmoid) device_->launch(c.queue_, Sigmoid{std::int64_t{batch_} * out, vector_x, vector_y});
        else if (o.out.is_image()) add_relu(c, o, x, nullptr, y);
        else add_relu(c, o, vector_x, nullptr, vector_y);
        break;
      default: break;  // refused by the constructor
    }
  }

  template <class Of>
  void add_relu(Context& c, const op::Operation& o, const Of* x, std::type_identity_t<const Of*> other, Of* y) const {
    const std::int64_t numbers = o.out.is_image() ? maps(o.out).numbers() : std::int64_t{batch_} * static_cast<int>(o.out.size());
    device_->launch(c.queue_, AddRelu<Of>{numbers, o.activation == op::Activation::relu, x, other, y});
  }

  /// Whether all gradients came out finite.
  bool run_backward(Context& c, int n, const float* seed, float* gradients) const {
    const float back = 1 / c.loss_scale;
    std::byte* const seeded = c.template gradient<std::byte>(spec_.output);
    const bool logits = c.seed == Seed::logits;
    send(c, spec_.output_dims, seed, n, spec_.output_dims.is_image() && ends_in_relu() ? c.template value<T>(spec_.output) : nullptr,
         seeded, c.loss_scale);
    if (c.recorded_logits_ != logits || c.recorded_back_ != back) {
      c.backward_.clear();
      c.recorded_logits_ = logits;
      c.recorded_back_ = back;
    }
    device_->replay(c.queue_, c.backward_, [&] {
      for (std::size_t i = spec_.operations.size(); i-- > 0;) {
        const op::Operation& o = spec_.operations[i];
        if (!o.backward()) continue;
        op::for_each_recomputed(spec_.operations, i, [&](std::size_t k) { run(c, k); });
        run_backward(c, i, logits && o.output == spec_.output, back);
      }
    });
    bool finite = true;
    for (const op::Operation& o : spec_.operations) {
      for (const int p : {o.kernel, o.bias}) {
        if (!trains(p) || !o.gradient_parameters) continue;
        const std::span<float> here(gradients + info(p).gradient, info(p).parameter.size());
        device_->download(c.queue_, here.data(), c.gradients_.template as<float>() + info(p).gradient, here.size_bytes());
        finite = finite && std::ranges::all_of(here, [](float g) { return std::isfinite(g); });
      }
    }
    return finite;
  }

  [[nodiscard]] bool ends_in_relu() const {
    return !spec_.operations.empty() && spec_.operations.back().activation == op::Activation::relu;
  }

  void run_backward(Context& c, std::size_t i, bool logits, float back) const {
    const op::Operation& o = spec_.operations[i];
    const Weights& w = weights_[i];
    const int v = o.inputs[0], in = static_cast<int>(o.in.size()), out = static_cast<int>(o.out.size());
    const bool wanted = o.gradient_in && spec_.gradients[static_cast<std::size_t>(v)].bytes != 0;
    auto* const gradients = c.gradients_.template as<float>();
    const auto gradient_of = [&](int p) { return trains(p) && o.gradient_parameters ? gradients + info(p).gradient : nullptr; };
    T* const x = c.template value<T>(v);
    T* const dy = c.template gradient<T>(o.output);
    T* const dx = wanted ? c.template gradient<T>(v) : nullptr;
    auto* const vector_dy = reinterpret_cast<float*>(dy);
    auto* const vector_dx = reinterpret_cast<float*>(dx);
    // A ReLU that ends the program has no reader that masked its gradient: it does so itself, in place.
    if (o.output == spec_.output && o.activation == op::Activation::relu && o.kind == op::Kind::dense) {
      device_->launch(c.queue_, ActivationBackward{std::int64_t{batch_} * out, false, c.template value<float>(o.output), vector_dy, nullptr, vector_dy});
    }
    switch (o.kind) {
      case op::Kind::convolution: {
        if (w.weight_gradient != nullptr && o.gradient_parameters) {
          const std::array<void*, 3> operands{x, dy, c.kernel_gradient_.template as<void>()};
          device_->execute(c.queue_, *w.weight_gradient, operands, c.workspace_.template as<void>());
          if (w.bias_gradient != nullptr) {
            const std::array<void*, 2> sums{dy, c.bias_gradient_.template as<void>()};
            device_->execute(c.queue_, *w.bias_gradient, sums, c.workspace_.template as<void>());
          }
          device_->launch(c.queue_, UnpackGradients<T>{w.shape, back, c.kernel_gradient_.template as<T>(),
                                                       c.bias_gradient_.template as<float>(), gradient_of(o.kernel), gradient_of(o.bias)});
        }
        if (dx == nullptr) break;
        std::vector<void*> operands{dy, w.packed.template as<void>()};
        if (mask_of(v)) operands.push_back(x);
        operands.push_back(dx);
        device_->execute(c.queue_, *w.data_gradient, operands, c.workspace_.template as<void>());
        break;
      }
      case op::Kind::dense: {
        float* const kernel = gradient_of(o.kernel);
        float* const bias = gradient_of(o.bias);
        if (kernel != nullptr || bias != nullptr) {
          device_->launch(c.queue_, DenseBackwardWeights{batch_, in, out, back, c.template value<float>(v), vector_dy, kernel, bias});
        }
        if (dx != nullptr) {
          device_->launch(c.queue_, DenseBackwardData{batch_, in, out, vector_dy, w.kernel.template as<float>(),
                                                      mask<float>(c, v), vector_dx});
        }
        break;
      }
      case op::Kind::max_pool: {
        if (dx == nullptr) break;
        const Maps from = maps(o.in), to = maps(o.out);
        launch_wide(c, from, [&]<int lanes>() {
          return MaxPoolBackward<T, lanes>{from, to, o.window, mask_of(v), x, c.template value<T>(o.output), dy, dx};
        });
        break;
      }
      case op::Kind::global_average_pool: {
        if (dx == nullptr) break;
        const Maps m = maps(o.in);
        launch_wide(c, m, [&]<int lanes>() { return GlobalAverageBackward<T, lanes>{m, vector_dy, mask<T>(c, v), dx}; });
        break;
      }
      case op::Kind::flatten: {
        if (dx == nullptr) break;
        const Maps m = maps(o.in);
        launch_wide(c, m, [&]<int lanes>() { return ToMaps<T, lanes>{m, vector_dy, mask<T>(c, v), dx}; });
        break;
      }
      case op::Kind::activation: {
        if (dx == nullptr) break;
        auto* const y = c.template value<float>(o.output);
        if (o.activation == op::Activation::softmax && !logits) {
          device_->launch(c.queue_, SoftmaxBackward{batch_, out, y, vector_dy, vector_dx});
          break;
        }
        const bool slope = !logits && o.activation == op::Activation::sigmoid;
        // A ReLU's own mask is applied by the reader of its output, or here where there is none.
        const bool last_relu = o.activation == op::Activation::relu && o.output == spec_.output;
        device_->launch(c.queue_, ActivationBackward{std::int64_t{batch_} * out, slope, slope || last_relu ? y : nullptr, vector_dy,
                                                     mask<float>(c, v), vector_dx});
        break;
      }
      default: break;  // refused at compile time
    }
  }

  ProgramSpec spec_;
  int batch_;
  const float* parameters_;
  Device* device_;
  mutable typename Device::Queue queue_;
  std::vector<Weights> weights_;  // by operation
  std::vector<bool> masks_;       // by value: see mask_of
  std::size_t workspace_ = 0, kernel_gradient_ = 0, bias_gradient_ = 0;
  std::size_t gradient_numbers_ = 0;
};

}  // namespace cxrnet::cuda
