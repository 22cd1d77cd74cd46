#pragma once
#include <cxrnet/backend/cuda/launches.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/op/operation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cxrnet::cuda {

/// Calls with<lanes>() for as many neighbouring channels as 16 bytes hold, which maps of floats may not have.
template <class T, class With>
void with_lanes(const Maps& m, With with) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  if constexpr (sizeof(T) == sizeof(float)) {
    if (m.stride % wide != 0) return with.template operator()<1>();
  }
  with.template operator()<wide>();
}

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
        const DenseForward dense{p_->batch_, in, out, relu, vector_x, w.kernel, w.bias, vector_y};
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
        if (o.in.is_vector()) work_->image_by_image(AddRelu<float>{vector_numbers, relu, vector_x, nullptr, vector_y});
        else work_->image_by_image(ToPlain<T>{p_->maps(o.in), x, vector_y});
        break;
      case op::Kind::add:
        if (o.out.is_image()) work_->launch(AddRelu<T>{p_->maps(o.out).numbers(), relu, x, c_->template map<T>(o.inputs[1]), y});
        else work_->image_by_image(AddRelu<float>{vector_numbers, relu, vector_x, c_->vector(o.inputs[1]), vector_y});
        break;
      case op::Kind::activation:
        if (o.activation == op::Activation::softmax) work_->image_by_image(Softmax{p_->batch_, out, vector_x, vector_y});
        else if (o.activation == op::Activation::sigmoid) work_->image_by_image(Sigmoid{vector_numbers, vector_x, vector_y});
        else if (o.out.is_image()) work_->launch(AddRelu<T>{p_->maps(o.out).numbers(), relu, x, nullptr, y});
        else work_->image_by_image(AddRelu<float>{vector_numbers, relu, vector_x, nullptr, vector_y});
        break;
      default: break;  // refused by the constructor
    }
  }

  /// Its gradients; with `logits`, what is given as the output's is that of what went into its softmax or sigmoid.
  void backward(std::size_t i, bool logits) {
    const op::Operation& o = p_->spec_.operations[i];
    const auto& w = p_->weights_[i];
    const int v = o.inputs[0], in = static_cast<int>(o.in.size()), out = static_cast<int>(o.out.size());
    const bool wanted = o.gradient_in && p_->spec_.gradients[static_cast<std::size_t>(v)].bytes != 0;
    const StepSettings* const settings = c_->settings();
    const auto gradient_of = [&](int p) {
      return p_->trains(p) && o.gradient_parameters ? c_->gradients_.template as<float>() + p_->info(p).gradient : nullptr;
    };
    T* const x = c_->template map<T>(v);
    T* const dy = c_->template map_gradient<T>(o.output);
    T* const dx = wanted ? c_->template map_gradient<T>(v) : nullptr;
    float* const vector_dy = c_->vector_gradient(o.output);
    float* const vector_dx = wanted ? c_->vector_gradient(v) : nullptr;
    const std::int64_t vector_numbers = std::int64_t{p_->batch_} * out;
    // A ReLU that ends the program has no reader that masked its gradient: it does so itself, in place.
    if (o.output == p_->spec_.output && o.activation == op::Activation::relu && o.kind == op::Kind::dense) {
      work_->image_by_image(ActivationBackward{vector_numbers, false, c_->vector(o.output), vector_dy, nullptr, vector_dy});
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
          work_->later(UnpackGradients<T>{w.shape, settings, packed, packed_bias, gradient_of(o.kernel), gradient_of(o.bias)});
        }
        if (dx == nullptr) break;
        std::vector<void*> operands{dy, w.packed.template as<void>()};
        if (p_->mask_of(v)) operands.push_back(x);
        operands.push_back(dx);
        work_->execute(*w.data_gradient, operands, c_->workspace_.template as<void>());
        break;
      }
      case op::Kind::dense: {
        float* const kernel = gradient_of(o.kernel);
        float* const bias = gradient_of(o.bias);
        if (kernel != nullptr || bias != nullptr) {
          work_->later(DenseBackwardWeights{p_->batch_, in, out, settings, c_->vector(v), vector_dy, kernel, bias});
        }
        if (vector_dx != nullptr) {
          const DenseBackwardData dense{p_->batch_, in, out, vector_dy, w.kernel, vector_mask(v), vector_dx};
          if (large(o)) work_->launch(dense);
          else work_->image_by_image(dense);
        }
        break;
      }
      case op::Kind::max_pool: {
        if (dx == nullptr) break;
        const Maps from = p_->maps(o.in), to = p_->maps(o.out);
        with_lanes<T>(from, [&]<int lanes>() {
          work_->launch(MaxPoolBackward<T, lanes>{from, to, o.window, p_->mask_of(v), x, c_->template map<T>(o.output), dy, dx});
        });
        break;
      }
      case op::Kind::global_average_pool:
        if (dx != nullptr) work_->image_by_image(GlobalAverageBackward<T, PerImage<T>::lanes>{p_->maps(o.in), vector_dy, map_mask(v), dx});
        break;
      case op::Kind::flatten:
        if (dx != nullptr) work_->image_by_image(ToMaps<T, PerImage<T>::lanes>{p_->maps(o.in), vector_dy, map_mask(v), dx});
        break;
      case op::Kind::activation: {
        if (vector_dx == nullptr) break;
        const float* const y = c_->vector(o.output);
        if (o.activation == op::Activation::softmax && !logits) {
          work_->image_by_image(SoftmaxBackward{p_->batch_, out, y, vector_dy, vector_dx});
          break;
        }
        const bool slope = !logits && o.activation == op::Activation::sigmoid;
        // A ReLU's own mask is applied by the reader of its output, or here where there is none.
        const bool last_relu = o.activation == op::Activation::relu && o.output == p_->spec_.output;
        work_->image_by_image(ActivationBackward{vector_numbers, slope, slope || last_relu ? y : nullptr, vector_dy, vector_mask(v), vector_dx});
        break;
      }
      default: break;  // refused at compile time
    }
  }

 private:
  static bool large(const op::Operation& o) { return o.in.size() * o.out.size() > large_kernel; }

  [[nodiscard]] const float* vector_mask(int v) const { return p_->mask_of(v) ? c_->vector(v) : nullptr; }
  [[nodiscard]] const T* map_mask(int v) const { return p_->mask_of(v) ? c_->template map<T>(v) : nullptr; }

  const Program* p_;
  Context* c_;
  Launches<T, Device>* work_;
};

}  // namespace cxrnet::cuda
