#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <type_traits>

namespace cxrnet {

/// Whether a window has a place at all: with no padding it must not be larger than the input.
template <class Padding>
constexpr bool window_fits(Dims in, int height, int width) {
  return std::is_same_v<Padding, Same> || (in.height >= height && in.width >= width);
}

/// A window with the padding that TensorFlow gives "same" (the odd zero goes below and right) or none.
template <class Padding>
constexpr op::Window make_window(Dims in, int height, int width, int stride) {
  op::Window window{.height = height, .width = width, .stride = stride};
  if constexpr (std::is_same_v<Padding, Same>) {
    const auto pads = [stride](int size, int extent) {
      return std::max(((size + stride - 1) / stride - 1) * stride + extent - size, 0);
    };
    const int vertical = pads(in.height, height);
    const int horizontal = pads(in.width, width);
    window.pad_top = vertical / 2;
    window.pad_bottom = vertical - window.pad_top;
    window.pad_left = horizontal / 2;
    window.pad_right = horizontal - window.pad_left;
  }
  return window;
}

/// The shape that a window leaves, with so many channels.
constexpr Dims window_output(Dims in, const op::Window& window, int channels) {
  return image_dims((in.height + window.pad_top + window.pad_bottom - window.height) / window.stride + 1,
                    (in.width + window.pad_left + window.pad_right - window.width) / window.stride + 1, channels);
}

}  // namespace cxrnet
