#pragma once
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// What a convolution in int8 is, in integers, for every backend: one that keeps to it gives every other's bytes.
namespace cxrnet::op {

/// A result's byte is  round(max(sum + bias, 0) * multiplier), at most 255: the sum over the window of bytes times
/// kernel, exact; the product in float; halves to even.
struct QuantizedConvolution {
  std::vector<std::int8_t> kernel;    ///< height x width x in x out, -127 to 127
  std::vector<std::int32_t> bias;     ///< 3 x 3 x out: of results in the first, any middle and the last row; columns
  std::vector<float> multiplier;      ///< out
};

/// Whether a convolution has it: fused with its ReLU, and reading an image's bytes, where the preprocessing's shift makes
/// the bias another at the map's edges, with a window that passes them by one pixel.
constexpr bool is_quantized_convolution(const Operation& o) {
  const Window& w = o.window;
  const bool near = w.height <= 3 && w.width <= 3 && w.pad_top <= 1 && w.pad_left <= 1 && w.pad_bottom <= 1 && w.pad_right <= 1;
  return o.kind == Kind::convolution && o.precision == Precision::int8 && o.activation == Activation::relu && near &&
         o.in.height >= 2 && o.in.width >= 2;
}

/// The result that a byte holds, by the definition above.
inline std::uint8_t requantized(std::int32_t sum, float multiplier) {
  const float scaled = static_cast<float>(std::max(sum, 0)) * multiplier;
  return static_cast<std::uint8_t>(std::nearbyint(std::min(scaled, 255.0F)));
}

/// A convolution's parameters as integers. `scale_in` is empty where it reads an image's bytes, which `image` then says
/// how to prepare. Every scale is above 0.
inline QuantizedConvolution quantize(const Operation& o, std::span<const float> kernel, std::span<const float> bias,
                                     std::span<const float> scale_in, std::span<const float> scale,
                                     std::span<const ChannelMap> image) {
  const auto in = static_cast<std::size_t>(o.in.channels);
  const auto out = static_cast<std::size_t>(o.out.channels);
  const auto taps = static_cast<std::size_t>(o.window.height * o.window.width);
  std::vector<double> weights(taps * in * out);  // of the bytes
  std::vector<double> shifts(taps * out);        // that each tap adds where it lies inside the map
  for (std::size_t tap = 0; tap < taps; ++tap) {
    for (std::size_t c = 0; c < in; ++c) {
      const bool bytes = scale_in.empty();
      const std::size_t source = bytes ? static_cast<std::size_t>(image[c].source) : c;
      const double factor = bytes ? image[c].scale : scale_in[c];
      for (std::size_t k = 0; k < out; ++k) {
        const double w = kernel[(tap * in + c) * out + k];
        weights[(tap * in + source) * out + k] += w * factor;
        if (bytes) shifts[tap * out + k] += w * image[c].shift;
      }
    }
  }
  QuantizedConvolution q{std::vector<std::int8_t>(weights.size()), std::vector<std::int32_t>(9 * out),
                         std::vector<float>(out)};
  std::vector<double> steps(out);
  for (std::size_t i = 0; i < weights.size(); ++i) steps[i % out] = std::max(steps[i % out], std::abs(weights[i]));
  for (double& step : steps) step = step > 0 ? step / 127 : 1;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    q.kernel[i] = static_cast<std::int8_t>(std::nearbyint(weights[i] / steps[i % out]));
  }
  for (std::size_t k = 0; k < out; ++k) {
    const double step = steps[k];
    q.multiplier[k] = static_cast<float>(step / scale[k]);
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < 3; ++column) {
        double sum = bias.empty() ? 0.0 : bias[k];
        for (int y = 0; y < o.window.height; ++y) {
          for (int x = 0; x < o.window.width; ++x) {
            const bool above = row == 0 && y < o.window.pad_top;
            const bool below = row == 2 && y >= o.window.height - o.window.pad_bottom;
            const bool before = column == 0 && x < o.window.pad_left;
            const bool behind = column == 2 && x >= o.window.width - o.window.pad_right;
            if (above || below || before || behind) continue;
            sum += shifts[static_cast<std::size_t>(y * o.window.width + x) * out + k];
          }
        }
        const double whole = std::clamp(std::nearbyint(sum / step), -0x1p30, 0x1p30);
        q.bias[static_cast<std::size_t>(row * 3 + column) * out + k] = static_cast<std::int32_t>(whole);
      }
    }
  }
  return q;
}

}  // namespace cxrnet::op
