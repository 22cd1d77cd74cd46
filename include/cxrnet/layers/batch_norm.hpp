#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/real.hpp>

namespace cxrnet {

/// gamma (x - mean) / sqrt(variance + Epsilon) + beta for each channel (Ioffe and Szegedy 2015; Keras's
/// BatchNormalization). Training takes the batch's mean and (biased) variance and moves the averages towards them by
/// 1 - Momentum; prediction takes the averages. Frozen, it takes the averages always, as Keras's does.
template <Real Momentum = 0.99, Real Epsilon = 0.001>
struct BatchNorm {
  static constexpr std::string_view kind = "batch_normalization";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) {
    static_assert(Momentum.value() >= 0 && Momentum.value() < 1, "cxrnet: BatchNorm needs a momentum from 0 to below 1");
    static_assert(Epsilon.value() > 0, "cxrnet: BatchNorm needs a positive epsilon");
    return in.rank > 0;
  }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr auto parameters(Dims in) {
    const auto vector = [in](std::string_view role, Init init, Update update) {
      return Parameter{role, 1, {in.channels, 1, 1, 1}, init, update, Momentum.value()};
    };
    return std::array{vector("gamma", Init::ones, Update::gradient), vector("beta", Init::zeros, Update::gradient),
                      vector("moving_mean", Init::zeros, Update::moving_average),
                      vector("moving_variance", Init::ones, Update::moving_average)};
  }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::batch_norm,
                  .out = builder.dims(),
                  .epsilon = Epsilon.value(),
                  .first_parameter = builder.parameter(0),
                  .parameter_count = 4});
  }
};

}  // namespace cxrnet
