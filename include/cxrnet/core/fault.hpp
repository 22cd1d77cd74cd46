#pragma once
#include <cxrnet/core/shape.hpp>

namespace cxrnet {

// What a network that does not compile says. The compilers of today cannot print computed strings, so the facts are
// carried by a type's name, in one record and one error.

template <int Index>
struct LayerIndex {};
template <class L>
struct Layer {};
template <class Shape>
struct Got {};
template <class Shape>
struct Expects {};

namespace detail {

template <class...>
inline constexpr bool never = false;

template <Dims dims>
struct shape_of {
  using type = Shape<dims.height, dims.width, dims.channels>;
};
template <Dims dims>
  requires(dims.rank == 1)
struct shape_of<dims> {
  using type = Vector<dims.channels>;
};
template <Dims dims>
  requires(dims.rank == 0)
struct shape_of<dims> {
  using type = Nothing;
};

}  // namespace detail

/// Dims as the type that error messages show.
template <Dims dims>
using shape_type = typename detail::shape_of<dims>::type;

/// A layer got a shape that it does not take.
template <class Index, class L, class Got, class Expects>
struct shape_error {
  static_assert(detail::never<Index, L, Got, Expects>,
                "cxrnet: this layer does not take the shape that comes before it (see shape_error<...>)");
};

/// What a network lists at that place is no layer.
template <class Index, class L>
struct not_a_layer {
  static_assert(detail::never<Index, L>,
                "cxrnet: this type is not a layer: see LayerContract in core/layer.hpp (see not_a_layer<...>)");
};

/// A layer's name is another layer's already, automatic names included, or is longer than 48 characters.
template <class Index, class L>
struct name_error {
  static_assert(detail::never<Index, L>,
                "cxrnet: this layer's name is taken by a layer before it, or too long (see name_error<...>)");
};

/// A layer computes in Int8 or Bf16 though it trains; or in Int8 behind one that does not.
template <class Index, class L>
struct precision_error {
  static_assert(detail::never<Index, L>,
                "cxrnet: what trains computes in Float32, and Int8 starts with the network's first layer: freeze this layer, "
                "or take Int8 or Bf16 from it (see precision_error<...>)");
};

/// A backend has no such operation in the precision that the layer's type asks for.
template <class Index, class L, class Backend>
struct not_in_precision {
  static_assert(detail::never<Index, L, Backend>,
                "cxrnet: this backend cannot run this layer in the precision asked for: leave it in Float32, or use Cpu, whose "
                "Int8 has convolutions with ReLU, stride 1 and multiples of 16 channels, and 2 x 2 pools behind them (see "
                "not_in_precision<...>)");
};

/// A layer trains that the backend cannot train yet.
template <class Index, class L, class Backend>
struct not_trainable {
  static_assert(detail::never<Index, L, Backend>,
                "cxrnet: this backend cannot train this layer yet: freeze it, or use Reference (see not_trainable<...>)");
};

}  // namespace cxrnet
