#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/window.hpp>

namespace cxrnet {

/// The largest value of each Size x Size window, channel by channel; step Step, no padding (Keras's MaxPooling2D).
template <int Size = 2, int Step = Size>
struct MaxPool {
  static constexpr std::string_view kind = "max_pooling2d";
  using expects = ImageOfAtLeast<Size, Size>;
  static constexpr bool accepts(Dims in) {
    static_assert(Size > 0 && Step > 0, "cxrnet: MaxPool<Size, Step> needs positive numbers");
    return in.is_image() && window_fits<Valid>(in, Size, Size);
  }
  static constexpr op::Window window(Dims in) { return make_window<Valid>(in, Size, Size, Step); }
  static constexpr Dims output(Dims in) { return window_output(in, window(in), in.channels); }
  static constexpr void lower(op::Builder& builder) {
    const Dims in = builder.dims();
    builder.emit({.kind = op::Kind::max_pool, .out = output(in), .window = window(in)});
  }
};

}  // namespace cxrnet
