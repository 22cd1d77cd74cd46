#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/bias.hpp>

namespace cxrnet {

/// y = activation(x W + b), Units outputs; input a vector. W is in x out, Glorot uniform; b zero (Keras's Dense).
/// Options in any order: an activation, NoBias.
template <int Units, class... Options>
struct Dense {
  using Activation = option_of<ActivationOption, Linear, Options...>;
  using Bias = option_of<BiasOption, WithBias, Options...>;

  static constexpr std::string_view kind = "dense";
  using expects = AnyVector;
  static constexpr bool accepts(Dims in) {
    static_assert(Units > 0, "cxrnet: Dense<Units> needs at least one unit");
    static_assert(Allowed<ActivationOption, BiasOption>::by<Options...>,
                  "cxrnet: Dense takes at most one activation, and NoBias");
    return in.is_vector();
  }
  static constexpr Dims output(Dims) { return vector_dims(Units); }
  static constexpr auto parameters(Dims in) { return Bias::parameters(dense_kernel(in.channels, Units), Units); }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::dense, .out = vector_dims(Units), .kernel = builder.parameter(0)});
    Bias::lower(builder);
    builder.activate(Activation::activation);
  }
};

}  // namespace cxrnet
