#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>

#include <cmath>
#include <cstdint>

// Kernels of a network's head: batches of plain float vectors.
namespace cxrnet::cuda {

/// y = [relu](x W [+ bias]); W is in x out.
struct DenseForward {
  int batch, in, out;
  bool relu;
  const float* x;
  const float* kernel;
  const float* bias;  ///< null: none
  float* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return static_cast<std::int64_t>(batch) * out; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t unit = i % out;
    const float* const image = x + i / out * in;
    float sum = 0;
    for (int k = 0; k < in; ++k) sum += image[k] * kernel[static_cast<std::int64_t>(k) * out + unit];
    if (bias != nullptr) sum += bias[unit];
    y[i] = relu && sum < 0 ? 0.0F : sum;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, static_cast<std::int64_t>(batch) * in);
    reads(visit, kernel, static_cast<std::int64_t>(in) * out);
    if (bias != nullptr) reads(visit, bias, out);
    writes(visit, y, count());
  }
};

/// dx = dy W^T; `mask`, where there is one, is the ReLU's output that x is.
struct DenseBackwardData {
  int batch, in, out;
  const float* dy;
  const float* kernel;
  const float* mask;
  float* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return static_cast<std::int64_t>(batch) * in; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    float sum = 0;
    if (mask == nullptr || mask[i] > 0) {
      const float* const gradient = dy + i / in * out;
      const float* const weights = kernel + i % in * out;
      for (int k = 0; k < out; ++k) sum += gradient[k] * weights[k];
    }
    dx[i] = sum;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, dy, static_cast<std::int64_t>(batch) * out);
    reads(visit, kernel, static_cast<std::int64_t>(in) * out);
    if (mask != nullptr) reads(visit, mask, count());
    writes(visit, dx, count());
  }
};

/// dW = x^T dy and, behind it in the index space, dbias = the sum of dy; both times `settings->back`. Images are summed in order.
struct DenseBackwardWeights {
  int batch, in, out;
  const StepSettings* settings;
  const float* x;
  const float* dy;
  float* kernel;  ///< null: not wanted
  float* bias;    ///< null: not wanted

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return static_cast<std::int64_t>(in + 1) * out; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t from = i / out, unit = i % out;
    float* const to = from == in ? (bias == nullptr ? nullptr : bias + unit) : (kernel == nullptr ? nullptr : kernel + i);
    if (to == nullptr) return;
    float sum = 0;
    for (std::int64_t n = 0; n < batch; ++n) sum += dy[n * out + unit] * (from == in ? 1.0F : x[n * in + from]);
    *to = sum * settings->back;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, settings, 1);
    reads(visit, x, static_cast<std::int64_t>(batch) * in);
    reads(visit, dy, static_cast<std::int64_t>(batch) * out);
    if (kernel != nullptr) writes(visit, kernel, static_cast<std::int64_t>(in) * out);
    if (bias != nullptr) writes(visit, bias, out);
  }
};

/// Each image's softmax.
struct Softmax {
  int batch, size;
  const float* x;
  float* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return batch; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const float* const from = x + i * size;
    float* const to = y + i * size;
    float largest = from[0], sum = 0;
    for (int k = 1; k < size; ++k) largest = from[k] > largest ? from[k] : largest;
    for (int k = 0; k < size; ++k) sum += to[k] = expf(from[k] - largest);
    for (int k = 0; k < size; ++k) to[k] /= sum;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, static_cast<std::int64_t>(batch) * size);
    writes(visit, y, static_cast<std::int64_t>(batch) * size);
  }
};

/// The gradient of a loss by what went into the last activation, times the loss's scale, in the form that losses share
/// (train/loss.hpp): (y slope - truth) weight / divisor.
struct LossGradient {
  int batch, size;
  const float* y;
  const float* truth;
  const float* slope;   ///< an image's
  const float* weight;  ///< an image's
  const StepSettings* settings;
  float* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return static_cast<std::int64_t>(batch) * size; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t image = i / size;
    dx[i] = (y[i] * slope[image] - truth[i]) * weight[image] / settings->divisor * settings->loss_scale;
  }
  template <class Visit>
  void operands(Visit visit) const {
    for (const float* numbers : {y, truth}) reads(visit, numbers, count());
    for (const float* numbers : {slope, weight}) reads(visit, numbers, batch);
    reads(visit, settings, 1);
    writes(visit, dx, count());
  }
};

/// From the output y: dx = y (dy - the sum of y dy).
struct SoftmaxBackward {
  int batch, size;
  const float* y;
  const float* dy;
  float* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return batch; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t first = i * size;
    float dot = 0;
    for (int k = 0; k < size; ++k) dot += y[first + k] * dy[first + k];
    for (int k = 0; k < size; ++k) dx[first + k] = y[first + k] * (dy[first + k] - dot);
  }
  template <class Visit>
  void operands(Visit visit) const {
    const std::int64_t numbers = static_cast<std::int64_t>(batch) * size;
    reads(visit, y, numbers);
    reads(visit, dy, numbers);
    writes(visit, dx, numbers);
  }
};

/// 1 / (1 + exp(-x)) of each number.
struct Sigmoid {
  std::int64_t numbers;
  const float* x;
  float* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return numbers; }
  CXRNET_BOTH void operator()(std::int64_t i) const { y[i] = 1.0F / (1.0F + expf(-x[i])); }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, numbers);
    writes(visit, y, numbers);
  }
};

/// dx = dy times the slope of a sigmoid whose output is y, or 1 where y is null. `mask` as in DenseBackwardData.
struct SigmoidBackward {
  std::int64_t numbers;
  const float* y;
  const float* dy;
  const float* mask;
  float* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return numbers; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const float slope = y == nullptr ? 1.0F : y[i] * (1 - y[i]);
    dx[i] = mask == nullptr || mask[i] > 0 ? dy[i] * slope : 0.0F;
  }
  template <class Visit>
  void operands(Visit visit) const {
    if (y != nullptr) reads(visit, y, numbers);
    reads(visit, dy, numbers);
    if (mask != nullptr) reads(visit, mask, numbers);
    writes(visit, dx, numbers);
  }
};

}  // namespace cxrnet::cuda
