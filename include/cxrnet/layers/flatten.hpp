#pragma once
#include <cxrnet/core/layer.hpp>

namespace cxrnet {

/// A feature map as one vector, in height, width, channel order (Keras's Flatten).
struct Flatten {
  static constexpr std::string_view kind = "flatten";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return vector_dims(static_cast<int>(in.size())); }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::flatten, .out = output(builder.dims())});
  }
};

}  // namespace cxrnet
