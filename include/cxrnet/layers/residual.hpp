#pragma once
#include <cxrnet/core/layer.hpp>

namespace cxrnet {

namespace detail {

/// Where a residual block starts: its input is kept for the end.
struct Fork {
  static constexpr std::string_view kind = "fork";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.fork(); }
};

/// Where the shortcut is done and the branch starts, from what the block got.
struct Swap {
  static constexpr std::string_view kind = "branch";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.swap_branches(); }
};

/// Where it ends: the branch must have kept the shape.
struct Merge {
  static constexpr std::string_view kind = "add";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr bool accepts_merge(Dims branch, Dims input) { return branch == input; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr void lower(op::Builder& builder) { builder.merge(); }
};

}  // namespace detail

/// x + Branch(x) (He et al. 2015); Branch is a Seq without an input of its own, or one layer, and keeps the shape.
template <class... Branch>
struct Residual {
  using nodes = detail::concat<NodeList<Node<detail::Fork>>, detail::flatten<Branch...>, NodeList<Node<detail::Merge>>>;
};

/// What the input of a residual block goes through where the branch changes the shape: a 1 x 1 convolution, say.
template <class... Layers>
struct Shortcut {};

/// Layers(x) + Branch(x).
template <class... Layers, class... Branch>
struct Residual<Shortcut<Layers...>, Branch...> {
  using nodes = detail::concat<NodeList<Node<detail::Fork>>, detail::flatten<Layers...>, NodeList<Node<detail::Swap>>,
                               detail::flatten<Branch...>, NodeList<Node<detail::Merge>>>;
};

}  // namespace cxrnet
