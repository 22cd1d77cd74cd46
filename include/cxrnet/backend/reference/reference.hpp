#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/backend/reference/kernels.hpp>
#include <cxrnet/op/rules.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace cxrnet {

/// Plain loops in T (float or double) on plain NHWC: for tests, gradient checks and error figures. One thread, no
/// fusion unless the list of rules says so.
template <class T, class FusionRules = Rules<>>
struct Reference {
  using scalar = T;
  using rules = FusionRules;
  static constexpr std::string_view name = sizeof(T) == sizeof(double) ? "reference-f64" : "reference-f32";
  static constexpr std::size_t value_bytes(Dims dims, op::Precision = op::Precision::float32) {
    return dims.size() * sizeof(T);
  }
  static constexpr int micro_batch(int capacity) { return capacity; }
  static constexpr bool trains(const op::Operation&) { return true; }
  static constexpr bool runs(const op::Operation&) { return false; }
  class Program;
};

template <class T, class FusionRules>
class Reference<T, FusionRules>::Program {
 public:
  Program(const ProgramSpec& spec, int batch, const T* parameters)
      : spec_(spec), batch_(batch), parameters_(parameters) {
    // Room for what a fused pool reads, for the gradient of a value that two branches read, for a batch's statistics.
    for (const auto& operation : spec.operations) {
      if (operation.statistics == op::Statistics::batch) {
        moments_ = std::max(moments_, static_cast<std::size_t>(operation.in.channels));
      }
      const Dims dims = spec.mode == Mode::training ? operation.in : op::before_pool(operation);
      if (operation.pool.height != 0 || operation.gradient_in) {
        scratch_ = std::max(scratch_, dims.size() * static_cast<std::size_t>(batch) * sizeof(T));
      }
    }
  }

  void update() {}
  [[nodiscard]] std::size_t packed_bytes() const { return 0; }
  [[nodiscard]] std::size_t workspace_bytes() const { return 2 * moments_ * sizeof(T) + scratch_; }
  [[nodiscard]] const ProgramSpec& spec() const { return spec_; }
  [[nodiscard]] int batch() const { return batch_; }

  [[nodiscard]] std::vector<Algorithm> algorithms() const {
    std::vector<Algorithm> list;
    for (const auto& o : spec_.operations) list.push_back({o.layer, describe(o), "loops"});
    return list;
  }

  class Context : public CallSettings {
   public:
    Context(const Program& program, std::byte* arena, std::byte* workspace)
        : program_(&program), arena_(arena), moments_(reinterpret_cast<T*>(workspace)),
          scratch_(moments_ + 2 * program.moments_), written_(program.spec_.values.size()) {}

   private:
    friend class Program;
    [[nodiscard]] T* at(const Slot& slot) const {
      return reinterpret_cast<T*>(arena_ + slot.offset * static_cast<std::size_t>(program_->batch_));
    }
    [[nodiscard]] T* value(int number) const { return at(program_->spec_.values[static_cast<std::size_t>(number)]); }
    [[nodiscard]] T* gradient(int number) const {
      return at(program_->spec_.gradients[static_cast<std::size_t>(number)]);
    }
    const Program* program_;
    std::byte* arena_;
    T* moments_;  // mean, then variance
    T* scratch_;
    std::vector<char> written_;  // values whose gradient has been given by one reader already
  };

  /// Runs n <= batch images; `output` may be null.
  template <class In, class Out>
  void forward(Context& context, const In* input, int n, Out* output) const {
    const auto elements = [n](Dims dims) { return static_cast<std::size_t>(n) * dims.size(); };
    std::transform(input, input + elements(spec_.input_dims), context.value(spec_.input),
                   [](In x) { return static_cast<T>(x); });
    for (std::size_t i = 0; i < spec_.operations.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      run(context, spec_.operations[i], n);
      if (context.profile != nullptr) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        context.profile->seconds[i] += spent.count();
      }
      if (context.observer != nullptr) {
        const op::Operation& o = spec_.operations[i];
        const T* const value = context.value(o.output);
        const std::vector<float> shown(value, value + elements(o.out));
        (*context.observer)(o, n, shown);
      }
    }
    if (context.profile != nullptr) context.profile->images += n;
    if (output == nullptr) return;
    const T* result = context.value(spec_.output);
    std::transform(result, result + elements(spec_.output_dims), output, [](T x) { return static_cast<Out>(x); });
  }

  /// Gradients of what trains, written (not added) to `gradients`; `forward` of the same n images came before.
  void backward(Context& context, int n, const T* seed, T* gradients) const {
    for (const auto& p : spec_.parameters) {
      if (p.changes()) std::fill_n(gradients + p.gradient, p.parameter.size(), T{0});
    }
    const auto count = static_cast<std::size_t>(n);
    std::fill(context.written_.begin(), context.written_.end(), char{0});
    std::copy_n(seed, count * spec_.output_dims.size(), context.gradient(spec_.output));
    for (std::size_t i = spec_.operations.size(); i-- > 0;) {
      const op::Operation& operation = spec_.operations[i];
      if (!operation.backward()) continue;
      op::for_each_recomputed(spec_.operations, i, [&](std::size_t k) { run(context, spec_.operations[k], n); });
      const bool logits = context.seed == Seed::logits && operation.output == spec_.output;
      run_backward(context, operation, n, logits, gradients);
    }
  }

 private:
  [[nodiscard]] const ParameterInfo& info(int number) const { return spec_.parameters[static_cast<std::size_t>(number)]; }
  [[nodiscard]] const T* parameter(int number) const { return parameters_ + info(number).offset; }
  [[nodiscard]] T* gradient_of(int number, T* gradients) const {
    return number >= 0 && info(number).trains ? gradients + info(number).gradient : nullptr;
  }

  /// Mean and variance that a batch normalisation takes: the moving averages, or the batch's, computed here.
  [[nodiscard]] std::pair<const T*, const T*> statistics(Context& context, const op::Operation& o, std::size_t rows,
                                                         const T* x) const {
    if (o.statistics == op::Statistics::moving) return {parameter(o.first_parameter + 2), parameter(o.first_parameter + 3)};
    T* const variance = context.moments_ + o.in.channels;
    reference::moments(static_cast<std::size_t>(o.in.channels), rows, x, context.moments_, variance);
    return {context.moments_, variance};
  }

  void run(Context& context, const op::Operation& o, int n) const {
    const T* x = context.value(o.inputs[0]);
    T* const result = context.value(o.output);
    T* y = o.pool.height != 0 ? context.scratch_ : result;
    const Dims out = op::before_pool(o);
    const std::size_t count = static_cast<std::size_t>(n) * out.size();
    const auto channels = static_cast<std::size_t>(out.channels);
    switch (o.kind) {
      case op::Kind::convolution:
        reference::convolution(o.window, o.in, out, n, x, parameter(o.kernel), y);
        break;
      case op::Kind::dense:
        reference::dense(o.in.size(), out.size(), n, x, parameter(o.kernel), y);
        break;
      case op::Kind::bias:
      case op::Kind::activation:
      case op::Kind::flatten:
        std::copy_n(x, count, y);
        break;
      case op::Kind::max_pool:
        reference::max_pool(o.window, o.in, out, n, x, y);
        break;
      case op::Kind::global_average_pool:
        reference::global_average_pool(o.in, n, x, y);
        break;
      case op::Kind::dropout:
        reference::dropout(context.dropout.seed, context.dropout.step, o.layer, o.rate, count, x, y);
        break;
      case op::Kind::add: {
        const T* other = context.value(o.inputs[1]);
        for (std::size_t i = 0; i < count; ++i) y[i] = x[i] + other[i];
        break;
      }
      case op::Kind::batch_norm: {
        const auto [mean, variance] = statistics(context, o, count / channels, x);
        reference::batch_norm(channels, count / channels, o.epsilon, x, parameter(o.first_parameter),
                              parameter(o.first_parameter + 1), mean, variance, y);
        break;
      }
      case op::Kind::custom: {
        const auto pointers = parameter_pointers(o);
        o.custom->template of<T>().forward(o.in, n, x, pointers.data(), y);
        break;
      }
    }
    if (o.bias >= 0) reference::add_bias(channels, count / channels, y, parameter(o.bias), y);
    if (o.activation == op::Activation::relu) reference::relu(count, y, y);
    if (o.activation == op::Activation::softmax) reference::softmax(out.size(), n, y, y);
    if (o.activation == op::Activation::sigmoid) reference::sigmoid(count, y, y);
    if (o.pool.height != 0) reference::max_pool(o.pool, out, o.out, n, y, result);
  }

  void run_backward(Context& context, const op::Operation& o, int n, bool logits, T* gradients) const {
    std::vector<char>& written = context.written_;
    const T* const x = context.value(o.inputs[0]);
    const T* const y = context.value(o.output);
    T* const dy = context.gradient(o.output);
    const std::size_t count = static_cast<std::size_t>(n) * o.out.size();
    const auto channels = static_cast<std::size_t>(o.out.channels);
    if (o.activation == op::Activation::relu) reference::relu_backward(count, y, dy, dy);
    if (o.activation == op::Activation::softmax && !logits) reference::softmax_backward(o.out.size(), n, y, dy, dy);
    if (o.activation == op::Activation::sigmoid && !logits) reference::sigmoid_backward(count, y, dy, dy);
    if (T* const dbias = gradient_of(o.bias, gradients)) reference::add_bias_backward(channels, count / channels, dy, dbias);

    // Where a branch has already given this value a gradient, this one is added to it.
    const auto number = static_cast<std::size_t>(o.inputs[0]);
    T* const dx = o.gradient_in && has_gradient(o.inputs[0]) ? context.gradient(o.inputs[0]) : nullptr;
    const std::size_t in_count = static_cast<std::size_t>(n) * o.in.size();
    const bool adds = dx != nullptr && written[number] != 0;
    if (adds) std::copy_n(dx, in_count, context.scratch_);
    switch (o.kind) {
      case op::Kind::convolution:
        reference::convolution_backward(o.window, o.in, o.out, n, x, parameter(o.kernel), dy, dx,
                                        gradient_of(o.kernel, gradients));
        break;
      case op::Kind::dense:
        reference::dense_backward(o.in.size(), o.out.size(), n, x, parameter(o.kernel), dy, dx,
                                  gradient_of(o.kernel, gradients));
        break;
      case op::Kind::bias:
      case op::Kind::activation:
      case op::Kind::flatten:
        if (dx != nullptr) std::copy_n(dy, count, dx);
        break;
      case op::Kind::max_pool:
        if (dx != nullptr) reference::max_pool_backward(o.window, o.in, o.out, n, x, y, dy, dx);
        break;
      case op::Kind::global_average_pool:
        if (dx != nullptr) reference::global_average_pool_backward(o.in, n, dy, dx);
        break;
      case op::Kind::dropout:
        if (dx != nullptr) {
          reference::dropout(context.dropout.seed, context.dropout.step, o.layer, o.rate, count, dy, dx);
        }
        break;
      case op::Kind::add: {
        if (dx != nullptr) std::copy_n(dy, count, dx);
        if (dx != nullptr) written[number] = 1;  // both operands may be the same value
        const auto other = static_cast<std::size_t>(o.inputs[1]);
        if (has_gradient(o.inputs[1])) {
          T* const second = context.gradient(o.inputs[1]);
          for (std::size_t i = 0; i < count; ++i) second[i] = written[other] != 0 ? second[i] + dy[i] : dy[i];
          written[other] = 1;
        }
        break;
      }
      case op::Kind::batch_norm: {
        const int p = o.first_parameter;
        const auto [mean, variance] = statistics(context, o, count / channels, x);
        reference::batch_norm_backward(channels, count / channels, o.epsilon, o.statistics, x, parameter(p), mean,
                                       variance, dy, dx, gradient_of(p, gradients), gradient_of(p + 1, gradients));
        if (o.statistics == op::Statistics::batch) {
          std::copy_n(mean, channels, gradients + info(p + 2).gradient);
          std::copy_n(variance, channels, gradients + info(p + 3).gradient);
        }
        break;
      }
      case op::Kind::custom: {
        const auto pointers = parameter_pointers(o);
        std::array<T*, op::Custom::max_parameters> wanted{};
        for (int k = 0; k < o.parameter_count; ++k) {
          wanted[static_cast<std::size_t>(k)] = gradient_of(o.first_parameter + k, gradients);
        }
        o.custom->template of<T>().backward(o.in, n, x, y, dy, pointers.data(), dx,
                                            o.gradient_parameters ? wanted.data() : nullptr);
        break;
      }
    }
    for (std::size_t i = 0; adds && i < in_count; ++i) dx[i] += context.scratch_[i];
    if (dx != nullptr) written[number] = 1;
  }

  [[nodiscard]] bool has_gradient(int value) const {
    return spec_.gradients[static_cast<std::size_t>(value)].bytes != 0;
  }
  [[nodiscard]] std::array<const T*, op::Custom::max_parameters> parameter_pointers(const op::Operation& o) const {
    std::array<const T*, op::Custom::max_parameters> pointers{};
    for (int k = 0; k < o.parameter_count; ++k) pointers[static_cast<std::size_t>(k)] = parameter(o.first_parameter + k);
    return pointers;
  }

  ProgramSpec spec_;
  int batch_;
  const T* parameters_;
  std::size_t scratch_ = 0;
  std::size_t moments_ = 0;  // channels of the widest batch normalisation by batch statistics
};

}  // namespace cxrnet
