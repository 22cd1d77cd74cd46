#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/options.hpp>

namespace cxrnet {

/// No activation: Keras's "linear".
struct Linear {
  using option = ActivationOption;
  static constexpr op::Activation activation = op::Activation::none;
};

/// max(x, 0), element by element; a layer, or the activation of Dense and Conv2D.
struct Relu {
  using option = ActivationOption;
  static constexpr op::Activation activation = op::Activation::relu;

  static constexpr std::string_view kind = "re_lu";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.activate(activation); }
};

/// exp(x_i) / sum_j exp(x_j) over a vector; a layer, or the activation of Dense.
struct Softmax {
  using option = ActivationOption;
  static constexpr op::Activation activation = op::Activation::softmax;

  static constexpr std::string_view kind = "softmax";
  using expects = AnyVector;
  static constexpr bool accepts(Dims in) { return in.is_vector(); }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.activate(activation); }
};

/// 1 / (1 + exp(-x)), element by element: each class by itself, for labels that may go together; a layer, or the
/// activation of Dense.
struct Sigmoid {
  using option = ActivationOption;
  static constexpr op::Activation activation = op::Activation::sigmoid;

  static constexpr std::string_view kind = "sigmoid";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.activate(activation); }
};

}  // namespace cxrnet
