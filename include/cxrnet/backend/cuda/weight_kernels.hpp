#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>

#include <cstdint>

// Kernels between logical parameters (f32, laid out as Keras's) and a convolution's working copies (T, as cuDNN's graphs take
// them, channels padded).
namespace cxrnet::cuda {

/// A convolution's parameters in both layouts.
struct ConvolutionWeights {
  int height, width, in, out;  ///< logical: height x width x in x out, and a bias for each out
  int in_stride, out_stride;   ///< working: out_stride x height x width x in_stride, and out_stride

  [[nodiscard]] CXRNET_BOTH std::int64_t logical() const { return static_cast<std::int64_t>(height) * width * in * out; }
  [[nodiscard]] CXRNET_BOTH std::int64_t working() const {
    return static_cast<std::int64_t>(out_stride) * height * width * in_stride;
  }
};

/// Working copies of a kernel and, behind it in the index space, of a bias, where there is one.
template <class T>
struct PackWeights {
  ConvolutionWeights shape;
  const float* kernel;
  const float* bias;
  T* packed;
  T* packed_bias;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return shape.working() + (bias == nullptr ? 0 : shape.out_stride); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const ConvolutionWeights& s = shape;
    if (i >= s.working()) {
      const std::int64_t k = i - s.working();
      packed_bias[k] = number<T>(k < s.out ? bias[k] : 0.0F);
      return;
    }
    const std::int64_t c = i % s.in_stride, tap = i / s.in_stride % (s.height * s.width), k = i / s.in_stride / (s.height * s.width);
    packed[i] = number<T>(c < s.in && k < s.out ? kernel[(tap * s.in + c) * s.out + k] : 0.0F);
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, kernel, shape.logical());
    writes(visit, packed, shape.working());
    if (bias == nullptr) return;
    reads(visit, bias, shape.out);
    writes(visit, packed_bias, shape.out_stride);
  }
};

/// The gradients of a kernel (in the working layout) and of a bias (f32), times `settings->back`, as logical gradients.
template <class T>
struct UnpackGradients {
  ConvolutionWeights shape;
  const StepSettings* settings;
  const T* packed;
  const float* packed_bias;
  float* kernel;
  float* bias;  ///< null: not wanted

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return shape.logical() + (bias == nullptr ? 0 : shape.out); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const ConvolutionWeights& s = shape;
    if (i >= s.logical()) {
      bias[i - s.logical()] = packed_bias[i - s.logical()] * settings->back;
      return;
    }
    const std::int64_t k = i % s.out, c = i / s.out % s.in, tap = i / s.out / s.in;
    kernel[i] = to_float(packed[(k * s.height * s.width + tap) * s.in_stride + c]) * settings->back;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, settings, 1);
    reads(visit, packed, shape.working());
    writes(visit, kernel, shape.logical());
    if (bias == nullptr) return;
    reads(visit, packed_bias, shape.out_stride);
    writes(visit, bias, shape.out);
  }
};

}  // namespace cxrnet::cuda
