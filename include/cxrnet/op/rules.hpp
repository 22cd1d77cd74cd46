#pragma once
#include <cxrnet/op/operation.hpp>

namespace cxrnet {

/// What a list of operations is for. Inference throws away what backward needs.
enum class Mode { inference, training };

/// The fusions that a backend states, in order of preference. A rule is a type with
///   static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode mode);
/// which takes `next`, the only reader of first's output, into `first` and says so, or leaves both alone. It may have
///   static constexpr bool chains(const op::Operation& first, const op::Operation& next);
/// whether both, fused as far as they are and in inference, run along with each other: what the first reads then stays until
/// all of a chain is done.
template <class... List>
struct Rules {};

/// A backend with other fusions: fewer of its own, for what they save; more where its program runs the result.
template <class Backend, class List>
struct WithRules : Backend {
  using rules = List;
};

/// convolution or dense + bias.
struct FuseBias {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode) {
    const bool sums = first.kind == op::Kind::convolution || first.kind == op::Kind::dense;
    if (!sums || next.kind != op::Kind::bias || first.bias >= 0 || first.activation != op::Activation::none) {
      return false;
    }
    first.bias = next.bias;
    return true;
  }
};

/// convolution or dense + ReLU, whose backward reads its output alone.
struct FuseRelu {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode) {
    const bool sums = first.kind == op::Kind::convolution || first.kind == op::Kind::dense;
    if (!sums || next.kind != op::Kind::activation || next.activation != op::Activation::relu ||
        first.activation != op::Activation::none || first.pool.height != 0) {
      return false;
    }
    first.activation = next.activation;
    return true;
  }
};

/// batch normalisation or addition + ReLU, likewise.
struct FuseElementwiseRelu {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode) {
    const bool elementwise = first.kind == op::Kind::batch_norm || first.kind == op::Kind::add;
    if (!elementwise || next.kind != op::Kind::activation || next.activation != op::Activation::relu ||
        first.activation != op::Activation::none) {
      return false;
    }
    first.activation = next.activation;
    return true;
  }
};

/// convolution (with what is fused) + max pool. Backward needs what was there before the pool.
struct FuseMaxPool {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode mode) {
    if (mode == Mode::training || first.kind != op::Kind::convolution || next.kind != op::Kind::max_pool ||
        first.pool.height != 0) {
      return false;
    }
    first.pool = next.window;
    return true;
  }
};

}  // namespace cxrnet
