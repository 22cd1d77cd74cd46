#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/real.hpp>

namespace cxrnet {

/// While training, a share Rate of the elements becomes zero and the others are divided by 1 - Rate; otherwise nothing
/// happens (Srivastava et al. 2014; Keras's Dropout).
template <Real Rate>
struct Dropout {
  static constexpr std::string_view kind = "dropout";
  static constexpr bool random = true;
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) {
    static_assert(Rate.value() >= 0 && Rate.value() < 1, "cxrnet: Dropout<Rate> needs a rate from 0 to below 1");
    return in.rank > 0;
  }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::dropout, .out = builder.dims(), .rate = Rate.value()});
  }
};

}  // namespace cxrnet
