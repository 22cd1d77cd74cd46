#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet::detail {

/// A matrix with its axes exchanged: PyTorch's dense weights (out, in) to Keras's kernels and back.
[[nodiscard]] inline NamedTensor transposed(const NamedTensor& tensor) {
  const std::size_t rows = tensor.dims[0], columns = tensor.dims[1];
  NamedTensor result{tensor.name, {columns, rows}, std::vector<float>(tensor.values.size()), tensor.map_order};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result.values[c * rows + r] = tensor.values[r * columns + c];
  }
  return result;
}

/// A convolution's weights, out x in x height x width (PyTorch, ONNX), as Keras's height x width x in x out.
[[nodiscard]] inline NamedTensor oihw_to_hwio(const NamedTensor& tensor) {
  const std::size_t out = tensor.dims[0], in = tensor.dims[1], area = tensor.dims[2] * tensor.dims[3];
  NamedTensor result{tensor.name, {tensor.dims[2], tensor.dims[3], in, out}, std::vector<float>(tensor.values.size())};
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t k = 0; k < area; ++k) {
        result.values[(k * in + i) * out + o] = tensor.values[(o * in + i) * area + k];
      }
    }
  }
  return result;
}

/// The way back.
[[nodiscard]] inline NamedTensor hwio_to_oihw(const NamedTensor& tensor) {
  const std::size_t in = tensor.dims[2], out = tensor.dims[3], area = tensor.dims[0] * tensor.dims[1];
  NamedTensor result{tensor.name, {out, in, tensor.dims[0], tensor.dims[1]}, std::vector<float>(tensor.values.size())};
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t k = 0; k < area; ++k) {
        result.values[(o * in + i) * area + k] = tensor.values[(k * in + i) * out + o];
      }
    }
  }
  return result;
}

/// Values whose first axis counts a flattened map of `area` places and `channels`, channel by channel, as Keras counts
/// them: place by place.
[[nodiscard]] inline std::vector<float> from_channels_first(const std::vector<float>& values, std::size_t area,
                                                            std::size_t channels) {
  const std::size_t row = values.size() / (area * channels);
  std::vector<float> result(values.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t place = 0; place < area; ++place) {
      const float* from = values.data() + (c * area + place) * row;
      std::copy(from, from + row, result.data() + (place * channels + c) * row);
    }
  }
  return result;
}

/// The way back.
[[nodiscard]] inline std::vector<float> to_channels_first(const std::vector<float>& values, std::size_t area,
                                                          std::size_t channels) {
  return from_channels_first(values, channels, area);  // the two axes exchanged
}

}  // namespace cxrnet::detail
