#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/op/builder.hpp>

#include <array>

namespace cxrnet {

/// A bias for each output of Conv2D and Dense, the default.
struct WithBias {
  using option = BiasOption;
  static constexpr auto parameters(const Parameter& kernel, int outputs) {
    return std::array{kernel, bias_vector(outputs)};
  }
  static constexpr void lower(op::Builder& builder) { builder.add_bias(1); }
};

/// None: Keras's use_bias=False, for where a normalisation comes next, which would take it away again.
struct NoBias {
  using option = BiasOption;
  static constexpr auto parameters(const Parameter& kernel, int) { return std::array{kernel}; }
  static constexpr void lower(op::Builder&) {}
};

}  // namespace cxrnet
