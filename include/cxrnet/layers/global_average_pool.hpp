#pragma once
#include <cxrnet/core/layer.hpp>

namespace cxrnet {

/// The mean over height and width of each channel, a vector (Keras's GlobalAveragePooling2D; Lin et al. 2013).
struct GlobalAveragePool {
  static constexpr std::string_view kind = "global_average_pooling2d";
  using expects = AnyImage;
  static constexpr bool accepts(Dims in) { return in.is_image(); }
  static constexpr Dims output(Dims in) { return vector_dims(in.channels); }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::global_average_pool, .out = output(builder.dims())});
  }
};
using GAP = GlobalAveragePool;

}  // namespace cxrnet
