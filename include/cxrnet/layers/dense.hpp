#pragma once
#include <cxrnet/layers/activation.hpp>

namespace cxrnet {

/// y = activation(x W + b), Units outputs; input a vector. W is in x out, Glorot uniform; b zero (Keras's Dense).
template <int Units, class Activation = Linear>
struct Dense {
  static constexpr std::string_view kind = "dense";
  using expects = AnyVector;
  static constexpr bool accepts(Dims in) {
    static_assert(Units > 0, "cxrnet: Dense<Units> needs at least one unit");
    return in.is_vector();
  }
  static constexpr Dims output(Dims) { return vector_dims(Units); }
  static constexpr auto parameters(Dims in) { return std::array{dense_kernel(in.channels, Units), bias_vector(Units)}; }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::dense, .out = vector_dims(Units), .kernel = builder.parameter(0)});
    builder.add_bias(1);
    builder.activate(Activation::activation);
  }
};

}  // namespace cxrnet
