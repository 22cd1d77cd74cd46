#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/core/window.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/bias.hpp>

namespace cxrnet {

/// 2-D convolution: Filters outputs, a Kernel x Kernel window; options in any order: an activation, Same or Valid (the
/// default, as Keras's), Stride<n>, NoBias. Input height x width x channels.
template <int Filters, int Kernel, class... Options>
struct Conv2D {
  using Activation = option_of<ActivationOption, Linear, Options...>;
  using Bias = option_of<BiasOption, WithBias, Options...>;
  using Padding = option_of<PaddingOption, Valid, Options...>;
  static constexpr int stride = option_of<StrideOption, Stride<1>, Options...>::step;

  static constexpr std::string_view kind = "conv2d";
  using expects = std::conditional_t<std::is_same_v<Padding, Same>, AnyImage, ImageOfAtLeast<Kernel, Kernel>>;
  static constexpr bool accepts(Dims in) {
    static_assert(Filters > 0 && Kernel > 0, "cxrnet: Conv2D<Filters, Kernel> needs positive numbers");
    static_assert(Allowed<ActivationOption, BiasOption, PaddingOption, StrideOption>::by<Options...>,
                  "cxrnet: Conv2D takes at most one activation, one of Same and Valid, one Stride<n>, and NoBias");
    static_assert(Activation::activation != op::Activation::softmax, "cxrnet: Softmax takes a vector, not a feature map");
    return in.is_image() && window_fits<Padding>(in, Kernel, Kernel);
  }
  static constexpr op::Window window(Dims in) { return make_window<Padding>(in, Kernel, Kernel, stride); }
  static constexpr Dims output(Dims in) { return window_output(in, window(in), Filters); }
  static constexpr auto parameters(Dims in) {
    return Bias::parameters(convolution_kernel(Kernel, Kernel, in.channels, Filters), Filters);
  }
  static constexpr void lower(op::Builder& builder) {
    const Dims in = builder.dims();
    builder.emit({.kind = op::Kind::convolution,
                  .out = output(in),
                  .window = window(in),
                  .kernel = builder.parameter(0)});
    Bias::lower(builder);
    builder.activate(Activation::activation);
  }
};

}  // namespace cxrnet
