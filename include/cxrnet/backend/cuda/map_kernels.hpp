#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/op/operation.hpp>

#include <cstdint>

// Kernels over maps (NHWC, T of 2 or 4 bytes): what a network does between cuDNN's graphs. `lanes` neighbouring channels are one
// index's.
namespace cxrnet::cuda {

/// Plain floats (images one behind the other) as maps; channels that pad are 0. `mask`, where there is one, is a ReLU's
/// output: what it held back is 0.
template <class T, int lanes>
struct ToMaps {
  Maps maps;
  const float* x;
  const T* mask;
  T* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return maps.numbers() / lanes; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t first = i * lanes, pixel = first / maps.stride;
    const int channel = static_cast<int>(first % maps.stride);
    Pack<T, lanes> made;
    for (int k = 0; k < lanes; ++k) {
      const bool real = channel + k < maps.channels && (mask == nullptr || to_float(mask[first + k]) > 0);
      made.at[k] = number<T>(real ? x[pixel * maps.channels + channel + k] : 0.0F);
    }
    reinterpret_cast<Pack<T, lanes>*>(y)[i] = made;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, maps.pixels() * maps.channels);
    if (mask != nullptr) reads(visit, mask, maps.numbers());
    writes(visit, y, maps.numbers());
  }
};

/// Maps as plain floats, padding left out.
template <class T>
struct ToPlain {
  Maps maps;
  const T* x;
  float* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return maps.pixels() * maps.channels; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    y[i] = to_float(x[i / maps.channels * maps.stride + i % maps.channels]);
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, maps.numbers());
    writes(visit, y, count());
  }
};

/// The largest number of each window, no padding.
template <class T, int lanes>
struct MaxPool {
  Maps in, out;
  op::Window window;
  const T* x;
  T* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return out.numbers() / lanes; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int packs = out.stride / lanes;
    const int pack = static_cast<int>(i % packs);
    const std::int64_t pixel = i / packs;
    const int column = static_cast<int>(pixel % out.width) * window.stride;
    const int row = static_cast<int>(pixel / out.width % out.height) * window.stride;
    const std::int64_t image = pixel / out.width / out.height;
    Pack<T, lanes> most{};
    for (int r = 0; r < window.height; ++r) {
      for (int s = 0; s < window.width; ++s) {
        const std::int64_t from = (image * in.height + row + r) * in.width + column + s;
        const Pack<T, lanes> here = reinterpret_cast<const Pack<T, lanes>*>(x)[from * packs + pack];
        for (int k = 0; k < lanes; ++k) {
          if ((r == 0 && s == 0) || to_float(here.at[k]) > to_float(most.at[k])) most.at[k] = here.at[k];
        }
      }
    }
    reinterpret_cast<Pack<T, lanes>*>(y)[i] = most;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, in.numbers());
    writes(visit, y, out.numbers());
  }
};

/// The gradient goes to the first largest number of each window, as TensorFlow's does; with `relu`, x is a ReLU's output
/// and what it held back gets none.
template <class T, int lanes>
struct MaxPoolBackward {
  Maps in, out;
  op::Window window;
  bool relu;
  const T* x;
  const T* y;
  const T* dy;
  T* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return in.numbers() / lanes; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int packs = in.stride / lanes;
    const int pack = static_cast<int>(i % packs);
    const std::int64_t pixel = i / packs;
    const int column = static_cast<int>(pixel % in.width), row = static_cast<int>(pixel / in.width % in.height);
    const std::int64_t image = pixel / in.width / in.height;
    const Pack<T, lanes> here = reinterpret_cast<const Pack<T, lanes>*>(x)[i];
    float sum[lanes] = {};
    // Windows that cover this place: from the first whose end reaches it to the last that begins at it.
    const int first_row = row < window.height ? 0 : (row - window.height) / window.stride + 1;
    const int first_column = column < window.width ? 0 : (column - window.width) / window.stride + 1;
    for (int v = first_row; v < out.height && v * window.stride <= row; ++v) {
      for (int u = first_column; u < out.width && u * window.stride <= column; ++u) {
        const std::int64_t to = ((image * out.height + v) * out.width + u) * packs + pack;
        const Pack<T, lanes> most = reinterpret_cast<const Pack<T, lanes>*>(y)[to];
        const Pack<T, lanes> gradient = reinterpret_cast<const Pack<T, lanes>*>(dy)[to];
        const int own = (row - v * window.stride) * window.width + column - u * window.stride;
        bool mine[lanes];
        for (int k = 0; k < lanes; ++k) mine[k] = to_float(here.at[k]) == to_float(most.at[k]);
        for (int tap = 0; tap < own; ++tap) {
          const std::int64_t other = (image * in.height + v * window.stride + tap / window.width) * in.width +
                                     u * window.stride + tap % window.width;
          const Pack<T, lanes> before = reinterpret_cast<const Pack<T, lanes>*>(x)[other * packs + pack];
          for (int k = 0; k < lanes; ++k) mine[k] = mine[k] && to_float(before.at[k]) != to_float(most.at[k]);
        }
        for (int k = 0; k < lanes; ++k) sum[k] += mine[k] ? to_float(gradient.at[k]) : 0.0F;
      }
    }
    Pack<T, lanes> made;
    for (int k = 0; k < lanes; ++k) made.at[k] = number<T>(relu && !(to_float(here.at[k]) > 0) ? 0.0F : sum[k]);
    reinterpret_cast<Pack<T, lanes>*>(dx)[i] = made;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, in.numbers());
    reads(visit, y, out.numbers());
    reads(visit, dy, out.numbers());
    writes(visit, dx, in.numbers());
  }
};

/// The mean of each channel, as plain floats.
template <class T>
struct GlobalAverage {
  Maps maps;
  const T* x;
  float* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return static_cast<std::int64_t>(maps.batch) * maps.channels; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const std::int64_t image = i / maps.channels, pixels = static_cast<std::int64_t>(maps.height) * maps.width;
    const T* at = x + image * pixels * maps.stride + i % maps.channels;
    float sum = 0;
    for (std::int64_t p = 0; p < pixels; ++p, at += maps.stride) sum += to_float(*at);
    y[i] = sum / static_cast<float>(pixels);
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, maps.numbers());
    writes(visit, y, count());
  }
};

/// A mean's gradient (plain floats) to every place; `mask` as in ToMaps.
template <class T, int lanes>
struct GlobalAverageBackward {
  Maps maps;
  const float* dy;
  const T* mask;
  T* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return maps.numbers() / lanes; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int packs = maps.stride / lanes;
    const int channel = static_cast<int>(i % packs) * lanes;
    const std::int64_t pixels = static_cast<std::int64_t>(maps.height) * maps.width, image = i / packs / pixels;
    Pack<T, lanes> made;
    for (int k = 0; k < lanes; ++k) {
      const bool real = channel + k < maps.channels && (mask == nullptr || to_float(mask[i * lanes + k]) > 0);
      made.at[k] = number<T>(real ? dy[image * maps.channels + channel + k] / static_cast<float>(pixels) : 0.0F);
    }
    reinterpret_cast<Pack<T, lanes>*>(dx)[i] = made;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, dy, static_cast<std::int64_t>(maps.batch) * maps.channels);
    if (mask != nullptr) reads(visit, mask, maps.numbers());
    writes(visit, dx, maps.numbers());
  }
};

/// [ReLU of] a sum, or with `other` null a ReLU alone; `mask` as in ToMaps. y may be what it reads.
template <class T>
struct AddRelu {
  static constexpr int lanes = sizeof(T) == 2 ? 8 : 1;
  std::int64_t numbers;  ///< a multiple of `lanes`
  bool relu;
  const T* x;
  const T* other;
  T* y;
  const T* mask = nullptr;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return numbers / lanes; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    using Numbers = Pack<T, lanes>;
    const Numbers one = reinterpret_cast<const Numbers*>(x)[i];
    const Numbers two = other == nullptr ? Numbers{} : reinterpret_cast<const Numbers*>(other)[i];
    const Numbers before = mask == nullptr ? one : reinterpret_cast<const Numbers*>(mask)[i];
    Numbers made;
    for (int k = 0; k < lanes; ++k) {
      const float sum = to_float(one.at[k]) + to_float(two.at[k]);
      const bool held = (relu && sum < 0) || (mask != nullptr && !(to_float(before.at[k]) > 0));
      made.at[k] = number<T>(held ? 0.0F : sum);
    }
    reinterpret_cast<Numbers*>(y)[i] = made;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, x, numbers);
    if (other != nullptr) reads(visit, other, numbers);
    if (mask != nullptr) reads(visit, mask, numbers);
    writes(visit, y, numbers);
  }
};

}  // namespace cxrnet::cuda
