#pragma once
#include <cxrnet/op/operation.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

// Plain loops over NHWC data of n samples: what every other backend is checked against.
namespace cxrnet::reference {

/// Visits every (output position, input position, window position) of a window that lies inside the input.
template <class Visit>
void for_each_tap(const op::Window& w, Dims in, Dims out, Visit visit) {
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      for (int i = 0; i < w.height; ++i) {
        const int row = y * w.stride + i - w.pad_top;
        if (row < 0 || row >= in.height) continue;
        for (int j = 0; j < w.width; ++j) {
          const int column = x * w.stride + j - w.pad_left;
          if (column < 0 || column >= in.width) continue;
          visit(static_cast<std::size_t>(y * out.width + x), static_cast<std::size_t>(row * in.width + column),
                static_cast<std::size_t>(i * w.width + j));
        }
      }
    }
  }
}

/// y = x * kernel, no bias; kernel is height x width x in x out.
template <class T>
void convolution(const op::Window& window, Dims in, Dims out, int n, const T* x, const T* kernel, T* y) {
  const auto ci = static_cast<std::size_t>(in.channels);
  const auto co = static_cast<std::size_t>(out.channels);
  for (int image = 0; image < n; ++image, x += in.size(), y += out.size()) {
    std::fill_n(y, out.size(), T{0});
    for_each_tap(window, in, out, [&](std::size_t to, std::size_t from, std::size_t tap) {
      for (std::size_t c = 0; c < ci; ++c) {
        const T value = x[from * ci + c];
        const T* weights = kernel + (tap * ci + c) * co;
        for (std::size_t k = 0; k < co; ++k) y[to * co + k] += value * weights[k];
      }
    });
  }
}

/// dx where it is wanted, and adds to dkernel where it is wanted.
template <class T>
void convolution_backward(const op::Window& window, Dims in, Dims out, int n, const T* x, const T* kernel, const T* dy,
                          T* dx, T* dkernel) {
  const auto ci = static_cast<std::size_t>(in.channels);
  const auto co = static_cast<std::size_t>(out.channels);
  if (dx != nullptr) std::fill_n(dx, static_cast<std::size_t>(n) * in.size(), T{0});
  for (int image = 0; image < n; ++image) {
    const T* const images = x + static_cast<std::size_t>(image) * in.size();
    const T* const gradient = dy + static_cast<std::size_t>(image) * out.size();
    for_each_tap(window, in, out, [&](std::size_t to, std::size_t from, std::size_t tap) {
      const T* const g = gradient + to * co;
      for (std::size_t c = 0; c < ci; ++c) {
        const std::size_t at = (tap * ci + c) * co;
        if (dx != nullptr) {
          T sum{0};
          for (std::size_t k = 0; k < co; ++k) sum += g[k] * kernel[at + k];
          dx[static_cast<std::size_t>(image) * in.size() + from * ci + c] += sum;
        }
        if (dkernel != nullptr) {
          const T value = images[from * ci + c];
          for (std::size_t k = 0; k < co; ++k) dkernel[at + k] += value * g[k];
        }
      }
    });
  }
}

/// y = x W; W is in x out.
template <class T>
void dense(std::size_t in, std::size_t out, int n, const T* x, const T* kernel, T* y) {
  for (int image = 0; image < n; ++image, x += in, y += out) {
    std::fill_n(y, out, T{0});
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t k = 0; k < out; ++k) y[k] += x[i] * kernel[i * out + k];
    }
  }
}

/// dx where it is wanted, and adds to dkernel where it is wanted.
template <class T>
void dense_backward(std::size_t in, std::size_t out, int n, const T* x, const T* kernel, const T* dy, T* dx,
                    T* dkernel) {
  for (int image = 0; image < n; ++image, x += in, dy += out) {
    for (std::size_t i = 0; i < in; ++i) {
      if (dx != nullptr) {
        T sum{0};
        for (std::size_t k = 0; k < out; ++k) sum += dy[k] * kernel[i * out + k];
        dx[static_cast<std::size_t>(image) * in + i] = sum;
      }
      if (dkernel != nullptr) {
        for (std::size_t k = 0; k < out; ++k) dkernel[i * out + k] += x[i] * dy[k];
      }
    }
  }
}

/// y = x + bias for each channel; x and y may be the same.
template <class T>
void add_bias(std::size_t channels, std::size_t rows, const T* x, const T* bias, T* y) {
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t c = 0; c < channels; ++c) y[row * channels + c] = x[row * channels + c] + bias[c];
  }
}

template <class T>
void add_bias_backward(std::size_t channels, std::size_t rows, const T* dy, T* dbias) {
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t c = 0; c < channels; ++c) dbias[c] += dy[row * channels + c];
  }
}

/// NaN stays NaN.
template <class T>
void relu(std::size_t count, const T* x, T* y) {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] < T{0} ? T{0} : x[i];
}

/// From the output y, as a fused ReLU has no input left; dx and dy may be the same.
template <class T>
void relu_backward(std::size_t count, const T* y, const T* dy, T* dx) {
  for (std::size_t i = 0; i < count; ++i) dx[i] = y[i] > T{0} ? dy[i] : T{0};
}

template <class T>
void softmax(std::size_t size, int n, const T* x, T* y) {
  for (int image = 0; image < n; ++image, x += size, y += size) {
    const T largest = *std::max_element(x, x + size);
    T sum{0};
    for (std::size_t i = 0; i < size; ++i) sum += y[i] = std::exp(x[i] - largest);
    for (std::size_t i = 0; i < size; ++i) y[i] /= sum;
  }
}

template <class T>
void softmax_backward(std::size_t size, int n, const T* y, const T* dy, T* dx) {
  for (int image = 0; image < n; ++image, y += size, dy += size, dx += size) {
    T dot{0};
    for (std::size_t i = 0; i < size; ++i) dot += y[i] * dy[i];
    for (std::size_t i = 0; i < size; ++i) dx[i] = y[i] * (dy[i] - dot);
  }
}

template <class T>
void max_pool(const op::Window& window, Dims in, Dims out, int n, const T* x, T* y) {
  const auto channels = static_cast<std::size_t>(in.channels);
  for (int image = 0; image < n; ++image, x += in.size(), y += out.size()) {
    std::fill_n(y, out.size(), -std::numeric_limits<T>::infinity());
    for_each_tap(window, in, out, [&](std::size_t to, std::size_t from, std::size_t) {
      for (std::size_t c = 0; c < channels; ++c) {
        y[to * channels + c] = std::max(y[to * channels + c], x[from * channels + c]);
      }
    });
  }
}

/// The gradient goes to the first largest element of each window, as TensorFlow's does.
template <class T>
void max_pool_backward(const op::Window& window, Dims in, Dims out, int n, const T* x, const T* y, const T* dy, T* dx) {
  const auto channels = static_cast<std::size_t>(in.channels);
  const auto width = static_cast<std::size_t>(out.width);
  std::fill_n(dx, static_cast<std::size_t>(n) * in.size(), T{0});
  for (int image = 0; image < n; ++image, x += in.size(), y += out.size(), dy += out.size(), dx += in.size()) {
    for (std::size_t to = 0; to < static_cast<std::size_t>(out.height) * width; ++to) {
      for (std::size_t c = 0; c < channels; ++c) {
        const int top = static_cast<int>(to / width) * window.stride;
        const int left = static_cast<int>(to % width) * window.stride;
        for (int tap = 0; tap < window.height * window.width; ++tap) {
          const int row = top + tap / window.width;
          const int column = left + tap % window.width;
          const std::size_t from = static_cast<std::size_t>(row * in.width + column) * channels + c;
          if (x[from] == y[to * channels + c]) {
            dx[from] += dy[to * channels + c];
            break;
          }
        }
      }
    }
  }
}

template <class T>
void global_average_pool(Dims in, int n, const T* x, T* y) {
  const auto channels = static_cast<std::size_t>(in.channels);
  const std::size_t pixels = in.size() / channels;
  for (int image = 0; image < n; ++image, x += in.size(), y += channels) {
    std::fill_n(y, channels, T{0});
    for (std::size_t p = 0; p < pixels; ++p) {
      for (std::size_t c = 0; c < channels; ++c) y[c] += x[p * channels + c];
    }
    for (std::size_t c = 0; c < channels; ++c) y[c] /= static_cast<T>(pixels);
  }
}

template <class T>
void global_average_pool_backward(Dims in, int n, const T* dy, T* dx) {
  const auto channels = static_cast<std::size_t>(in.channels);
  const std::size_t pixels = in.size() / channels;
  for (int image = 0; image < n; ++image, dx += in.size(), dy += channels) {
    for (std::size_t p = 0; p < pixels; ++p) {
      for (std::size_t c = 0; c < channels; ++c) dx[p * channels + c] = dy[c] / static_cast<T>(pixels);
    }
  }
}

template <class T>
void sigmoid(std::size_t count, const T* x, T* y) {
  for (std::size_t i = 0; i < count; ++i) y[i] = T{1} / (T{1} + std::exp(-x[i]));
}

template <class T>
void sigmoid_backward(std::size_t count, const T* y, const T* dy, T* dx) {
  for (std::size_t i = 0; i < count; ++i) dx[i] = dy[i] * y[i] * (T{1} - y[i]);
}

/// Mean and (biased) variance of each channel.
template <class T>
void moments(std::size_t channels, std::size_t rows, const T* x, T* mean, T* variance) {
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0;
    double squares = 0;
    for (std::size_t row = 0; row < rows; ++row) sum += static_cast<double>(x[row * channels + c]);
    const double centre = sum / static_cast<double>(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const double distance = static_cast<double>(x[row * channels + c]) - centre;
      squares += distance * distance;
    }
    mean[c] = static_cast<T>(centre);
    variance[c] = static_cast<T>(squares / static_cast<double>(rows));
  }
}

/// gamma (x - mean) / sqrt(variance + epsilon) + beta for each channel.
template <class T>
void batch_norm(std::size_t channels, std::size_t rows, double epsilon, const T* x, const T* gamma, const T* beta,
                const T* mean, const T* variance, T* y) {
  for (std::size_t c = 0; c < channels; ++c) {
    const T scale = gamma[c] / std::sqrt(variance[c] + static_cast<T>(epsilon));
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t i = row * channels + c;
      y[i] = (x[i] - mean[c]) * scale + beta[c];
    }
  }
}

/// dx where it is wanted; adds to dgamma and dbeta where they are wanted. With `batch` statistics, mean and variance are
/// functions of x.
template <class T>
void batch_norm_backward(std::size_t channels, std::size_t rows, double epsilon, op::Statistics statistics, const T* x,
                         const T* gamma, const T* mean, const T* variance, const T* dy, T* dx, T* dgamma, T* dbeta) {
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = 1 / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    double sum = 0;
    double weighted = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t i = row * channels + c;
      sum += static_cast<double>(dy[i]);
      weighted += static_cast<double>(dy[i]) * static_cast<double>(x[i] - mean[c]) * inverse;
    }
    if (dbeta != nullptr) dbeta[c] += static_cast<T>(sum);
    if (dgamma != nullptr) dgamma[c] += static_cast<T>(weighted);
    if (dx == nullptr) continue;
    const bool fixed = statistics == op::Statistics::moving;
    const double shift = fixed ? 0 : sum / static_cast<double>(rows);
    const double slope = fixed ? 0 : weighted / static_cast<double>(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t i = row * channels + c;
      const double normal = static_cast<double>(x[i] - mean[c]) * inverse;
      dx[i] = static_cast<T>(static_cast<double>(gamma[c]) * inverse *
                             (static_cast<double>(dy[i]) - shift - normal * slope));
    }
  }
}

/// Forward and backward alike: keeps and scales the elements that (seed, step, layer, element) keeps.
template <class T>
void dropout(std::uint64_t seed, std::uint32_t step, int layer, double rate, std::size_t count, const T* x, T* y) {
  RandomStream stream(seed, RandomUse::dropout, step, static_cast<std::uint32_t>(layer));
  const T scale = static_cast<T>(1 / (1 - rate));
  for (std::size_t i = 0; i < count; ++i) {
    const bool kept = static_cast<double>(stream.bits()) * 0x1p-32 >= rate;
    y[i] = kept ? x[i] * scale : T{0};
  }
}

}  // namespace cxrnet::reference
