#pragma once
#include <cxrnet/backend/cuda/launches.hpp>
#include <cxrnet/backend/cuda/normalisation.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/op/operation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace cxrnet::cuda {

/// What each operation of a Program is on a device: a new kind is a case here, forward and backward.
template <class Program>
class OperationsOf {
  using Device = typename Program::Device;
  using Context = typename Program::Context;
  using T = Storage<Program::number>;
  /// Numbers of a dense layer's kernel beyond which it gets a launch of its own: all processors read it together then.
  static constexpr std::size_t large_kernel = std::size_t{1} << 18U;

 public:
  /// All are referred to.
  OperationsOf(const Program& program, Context& context, Launches<T, Device>& work) : p_(&program), c_(&context), work_(&work) {}

  /// Operation i.
  void forward(std::size_t i) {
    const op::Operation& o = p_->spec_.operations[i];
    const auto& w = p_->weights_[i];
    const int in = static_cast<int>(o.in.size()), out = static_cast<int>(o.out.size()), v = o.inputs[0];
    T* const x = c_->template map<T>(v);
    T* const y = c_->template map<T>(o.output);
    float* const vector_x = c_->vector(v);
    float* const vector_y = c_->vector(o.output);
    const bool relu = o.activation == op::Activation::relu;
    const std::int64_t vector_numbers = std::int64_t{p_->batch_} * out;
    switch (o.kind) {
      case op::Kind::convolution: {
        std::vector<void*> operands{x, w.packed.template as<void>()};
        if (o.bias >= 0) operands.push_back(w.packed_bias.template as<void>());
        operands.push_back(y);
        work_->execute(*w.forward, operands, c_->workspace_.template as<void>());
        break;
      }
      case op::Kind::dense: {
        const DenseForward dense{p_->batch_, in, out, relu, vector_x, w.kernel(), w.bias(), vector_y};
        if (large(o)) work_->launch(dense);
        else work_->image_by_image(dense);
        break;
      }
      case op::Kind::max_pool: {
        const Maps from = p_->maps(o.in), to = p_->maps(o.out);
        with_lanes<T>(to, [&]<int lanes>() { work_->launch(MaxPool<T, lanes>{from, to, o.window, x, y}); });
        break;
      }
      case op::Kind::global_average_pool:
        work_->image_by_image(GlobalAverage<T>{p_->maps(o.in), x, vector_y});
        break;
      case op::Kind::flatten:
        if (o.in.is_vector()) add(o.out, relu, vector_x, nullptr, vector_y);
        else work_->image_by_image(ToPlain<T>{p_->maps(o.in), x, vector_y});
        break;
      case op::Kind::add:
        if (o.out.is_vector()) add(o.out, relu, vector_x, c_->vector(o.inputs[1]), vector_y);
        else add(o.out, relu, x, c_->template map<T>(o.inputs[1]), y);
        break;
      case op::Kind::activation:
        if (o.activation == op::Activation::softmax) work_->image_by_image(Softmax{p_->batch_, out, vector_x, vector_y});
        else if (o.activation == op::Activation::sigmoid) work_->image_by_image(Sigmoid{vector_numbers, vector_x, vector_y});
        else if (o.out.is_vector()) add(o.out, relu, vector_x, nullptr, vector_y);
        else add(o.out, relu, x, nullptr, y);
        break;
      case op::Kind::dropout:
        if (o.out.is_vector()) drop(o, vector_x, nullptr, vector_y);
        else drop(o, x, nullptr, y);
        break;
      case op::Kind::bias:
      case op::Kind::batch_norm:
        if (o.out.is_vector()) normalisation(i).template forward<float>(*work_, vector_x, vector_y);
        else normalisation(i).template forward<T>(*work_, x, y);
        break;
      case op::Kind::custom: break;  // refused by the constructor
    }
  }

  /// Its gradients; with `logits`, what is given as the output's is that of what went into its softmax or sigmoid.
  void backward(std::size_t i, bool logits) {
    const op::Operation& o = p_->spec_.operations[i];
    const auto& w = p_->weights_[i];
    const int v = o.inputs[0], in = static_cast<int>(o.in.size()), out = static_cast<int>(o.out.size());
    const bool wanted = o.gradient_in && has_gradient(v), adds = p_->readers_.adds(i, v), masks = p_->readers_.masks(i, v);
    const StepSettings* const settings = c_->settings();
    T* const x = c_->template map<T>(v);
    T* const dy = c_->template map_gradient<T>(o.output);
    T* const dx = !wanted ? nullptr : adds ? c_->template map_part<T>() : c_->template map_gradient<T>(v);
    const T* const mask = masks && !adds ? x : nullptr;
    float* const vector_x = c_->vector(v);
    float* const vector_dy = c_->vector_gradient(o.output);
    float* const vector_dx = !wanted ? nullptr : adds ? c_->vector_part(v) : c_->vector_gradient(v);
    const float* const vector_mask = masks && !adds ? vector_x : nullptr;
    const std::int64_t vector_numbers = std::int64_t{p_->batch_} * out;
    // A ReLU that ends the program has no reader that masked its gradient: it does so itself, in place.
    if (o.output == p_->spec_.output && o.activation == op::Activation::relu && o.out.is_vector()) {
      add(o.out, false, vector_dy, nullptr, vector_dy, c_->vector(o.output));
    }
    switch (o.kind) {
      case op::Kind::convolution: {
        if (w.weight_gradient != nullptr && o.gradient_parameters) {
          auto* const packed = reinterpret_cast<T*>(c_->kernel_gradients_.template as<std::byte>() + w.kernel_gradient_at);
          auto* const packed_bias = reinterpret_cast<float*>(c_->bias_gradients_.template as<std::byte>() + w.bias_gradient_at);
          work_->execute(*w.weight_gradient, std::array<void*, 3>{x, dy, packed}, c_->workspace_.template as<void>());
          if (w.bias_gradient != nullptr) {
            work_->execute(*w.bias_gradient, std::array<void*, 2>{dy, packed_bias}, c_->workspace_.template as<void>());
          }
          work_->later(UnpackGradients<T>{w.shape, settings, packed, packed_bias, gradient_of(o, o.kernel), gradient_of(o, o.bias)});
        }
        if (dx == nullptr) break;
        std::vector<void*> operands{dy, w.packed.template as<void>()};
        if (mask != nullptr) operands.push_back(x);
        operands.push_back(dx);
        work_->execute(*w.data_gradient, operands, c_->workspace_.template as<void>());
        break;
      }
      case op::Kind::dense: {
        float* const kernel = gradient_of(o, o.kernel);
        float* const bias = gradient_of(o, o.bias);
        if (kernel != nullptr || bias != nullptr) {
          work_->later(DenseBackwardWeights{p_->batch_, in, out, settings, vector_x, vector_dy, kernel, bias});
        }
        if (vector_dx != nullptr) {
          const DenseBackwardData dense{p_->batch_, in, out, vector_dy, w.kernel(), vector_mask, vector_dx};
          if (large(o)) work_->launch(dense);
          else work_->image_by_image(dense);
        }
        break;
      }
      case op::Kind::max_pool: {
        if (dx == nullptr) break;
        const Maps from = p_->maps(o.in), to = p_->maps(o.out);
        with_lanes<T>(from, [&]<int lanes>() {
          work_->launch(MaxPoolBackward<T, lanes>{from, to, o.window, mask != nullptr, x, c_->template map<T>(o.output), dy, dx});
        });
        break;
      }
      case op::Kind::global_average_pool:
        if (dx != nullptr) work_->image_by_image(GlobalAverageBackward<T, PerImage<T>::lanes>{p_->maps(o.in), vector_dy, mask, dx});
        break;
      case op::Kind::flatten:
        if (!wanted) break;
        if (o.in.is_vector()) add(o.in, false, vector_dy, nullptr, vector_dx, vector_mask);
        else work_->image_by_image(ToMaps<T, PerImage<T>::lanes>{p_->maps(o.in), vector_dy, mask, dx});
        break;
      case op::Kind::activation: {
        if (!wanted) break;
        const float* const y = c_->vector(o.output);
        if (o.in.is_image()) {
          add(o.in, false, dy, nullptr, dx, mask);
        } else if (o.activation == op::Activation::softmax && !logits) {
          work_->image_by_image(SoftmaxBackward{p_->batch_, out, y, vector_dy, vector_dx});
          if (vector_mask != nullptr) add(o.in, false, vector_dx, nullptr, vector_dx, vector_mask);
        } else {
          const bool slope = !logits && o.activation == op::Activation::sigmoid;
          work_->image_by_image(SigmoidBackward{vector_numbers, slope ? y : nullptr, vector_dy, vector_mask, vector_dx});
        }
        break;
      }
      case op::Kind::dropout:
        if (!wanted) break;
        if (o.in.is_vector()) drop(o, vector_dy, vector_mask, vector_dx);
        else drop(o, dy, mask, dx);
        break;
      case op::Kind::add:
        if (o.in.is_vector()) return add_backward(i, vector_dy, [this](int k) { return c_->vector(k); }, [this](int k) { return c_->vector_gradient(k); });
        return add_backward(i, dy, [this](int k) { return c_->template map<T>(k); }, [this](int k) { return c_->template map_gradient<T>(k); });
      case op::Kind::bias:
      case op::Kind::batch_norm:
        if (o.in.is_vector()) normalise_backward<float>(i, vector_x, vector_dy, vector_mask, vector_dx);
        else normalise_backward<T>(i, x, dy, mask, dx);
        break;
      case op::Kind::custom: break;  // refused by the constructor
    }
    if (!wanted || !adds) return;
    if (o.in.is_vector()) add(o.in, false, c_->vector_gradient(v), vector_dx, c_->vector_gradient(v), masks ? vector_x : nullptr);
    else add(o.in, false, c_->template map_gradient<T>(v), dx, c_->template map_gradient<T>(v), masks ? x : nullptr);
  }

 private:
  static bool large(const op::Operation& o) { return o.in.size() * o.out.size() > large_kernel; }

  [[nodiscard]] bool has_gradient(int v) const { return p_->spec_.gradients[static_cast<std::size_t>(v)].bytes != 0; }
  /// Where a parameter's gradient, or the statistic of one that averages, goes; null: nowhere.
  [[nodiscard]] float* gradient_of(const op::Operation& o, int p) const {
    return p_->changes(p) && o.gradient_parameters ? c_->gradients_.template as<float>() + p_->info(p).gradient : nullptr;
  }

  /// A kernel of vectors goes image by image, one of maps over all at once.
  template <class N, template <class> class Kernel>
  void launch(const Dims& dims, const Kernel<N>& kernel) {
    if constexpr (std::is_same_v<N, float>) {
      if (dims.is_vector()) return work_->image_by_image(kernel);
    }
    work_->launch(kernel);
  }
  /// See AddRelu.
  template <class N>
  void add(const Dims& dims, bool relu, const N* x, std::type_identity_t<const N*> other, N* y, std::type_identity_t<const N*> mask = nullptr) {
    launch(dims, AddRelu<N>{p_->maps(dims).numbers(), relu, x, other, y, mask});
  }
  template <class N>
  void drop(const op::Operation& o, const N* x, std::type_identity_t<const N*> mask, N* y) {
    if (o.rate == 0) add(o.in, false, x, nullptr, y, mask);
    else launch(o.in, Dropout<N>{p_->maps(o.in), o.layer, o.rate, c_->settings(), x, mask, y});
  }

  /// An addition gives its gradient to both operands, which may be one value.
  template <class N, class Value, class Gradient>
  void add_backward(std::size_t i, const N* dy, Value value, Gradient gradient) {
    const op::Operation& o = p_->spec_.operations[i];
    const bool twice = o.inputs[0] == o.inputs[1];
    for (std::size_t k = 0; k < 2; ++k) {
      const int v = o.inputs[k];
      if (!has_gradient(v)) continue;
      const bool adds = p_->readers_.adds(i, v) || (twice && k == 1), masks = p_->readers_.masks(i, v) && !(twice && k == 0);
      N* const dx = gradient(v);
      add(o.in, false, dy, adds ? dx : nullptr, dx, masks ? value(v) : nullptr);
    }
  }

  /// A batch normalisation, or a bias by itself. The batch's statistics lie where gradients do.
  [[nodiscard]] Normalisation normalisation(std::size_t i) const {
    const op::Operation& o = p_->spec_.operations[i];
    const auto& w = p_->weights_[i];
    const bool batch = o.statistics == op::Statistics::batch;
    return {p_->maps(o.in), o.epsilon, o.activation == op::Activation::relu, batch, c_->settings(), w.gamma(),
            o.kind == op::Kind::bias ? w.bias() : w.beta(), batch ? gradient_of(o, o.first_parameter + 2) : w.mean(),
            batch ? gradient_of(o, o.first_parameter + 3) : w.variance(), c_->sums_.template as<void>()};
  }
  template <class N>
  void normalise_backward(std::size_t i, const N* x, const N* dy, const N* mask, N* dx) {
    const op::Operation& o = p_->spec_.operations[i];
    const bool bias = o.kind == op::Kind::bias;
    float* const gamma = bias ? nullptr : gradient_of(o, o.first_parameter);
    normalisation(i).backward(*work_, x, dy, mask, gamma, gradient_of(o, bias ? o.bias : o.first_parameter + 1), dx);
  }

  const Program* p_;
  Context* c_;
  Launches<T, Device>* work_;
};

}  // namespace cxrnet::cuda
