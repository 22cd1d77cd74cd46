#pragma once
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/core/precision.hpp>
#include <cxrnet/core/shape.hpp>
#include <cxrnet/core/text.hpp>
#include <cxrnet/op/builder.hpp>

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

namespace cxrnet {

/// What every layer states; a layer is an empty type. Everything about it is settled by the compiler.
///
///   static constexpr std::string_view kind;               Keras's name for it: "dense"
///   using expects = AnyImage;                             or ImageOfAtLeast<H, W>, AnyVector, AnyShape, Shape<H, W, C>, Vector<N>
///   static constexpr bool accepts(Dims in);               whether it takes that shape
///   static constexpr Dims output(Dims in);                the shape it gives
///   static constexpr void lower(op::Builder& builder);    the operations it stands for
///
/// and where they apply
///
///   static constexpr auto parameters(Dims in);            std::array<Parameter, n>
///   static constexpr bool random = true;                  it draws random numbers while training
///
/// A layer checks its template arguments in `accepts`, not in the class: clang takes no class with a failed assertion
/// for a layer, and would say so in a second error.
///
/// A layer that stands for others has `using expansion = Seq<...>` (or Freeze, Named) instead of all these.
template <class L>
concept LayerContract = requires(Dims dims, op::Builder& builder) {
  { L::kind } -> std::convertible_to<std::string_view>;
  typename L::expects;
  { L::accepts(dims) } -> std::same_as<bool>;
  { L::output(dims) } -> std::same_as<Dims>;
  L::lower(builder);
};

/// The parameters that a layer asks for, none where it says nothing.
template <class L>
constexpr auto layer_parameters(Dims in) {
  if constexpr (requires { L::parameters(in); }) return L::parameters(in);
  else return std::array<Parameter, 0>{};
}

template <class L>
constexpr bool layer_is_random() {
  if constexpr (requires { L::random; }) return L::random;
  else return false;
}

/// Base of a user's layer that brings its own loops: `struct Swish : CustomLayer<Swish> {...}` with
/// `forward<T>` and `backward<T>` as op::CustomFunctions describes. Runs on every CPU backend.
template <class Self>
struct CustomLayer {
  static constexpr void lower(op::Builder& builder) {
    constexpr int count = static_cast<int>(layer_parameters<Self>(Dims{}).size());
    static_assert(count <= op::Custom::max_parameters, "a custom layer has at most 8 parameters");
    builder.emit({.kind = op::Kind::custom,
                  .out = Self::output(builder.dims()),
                  .custom = &op::custom_functions<Self>,
                  .first_parameter = builder.parameter(0),
                  .parameter_count = count});
  }
};

enum class Trains : bool { no, yes };

/// What backward reads of a layer: kept since forward; or computed again, in segments of layers.
enum class Keeps { values, nothing, nothing_and_ends_segment };

/// A layer in the flat list: whether its parameters train, its name ("" for Keras's automatic one), the group of
/// parameters it belongs to, what it keeps for backward, and what it computes with.
template <class L, Trains trains_ = Trains::yes, FixedString name_ = "", FixedString group_ = "",
          Keeps keeps_ = Keeps::values, op::Precision precision_ = op::Precision::float32>
struct Node {
  using layer = L;
  static constexpr Trains trains = trains_;
  static constexpr std::string_view name = name_.view();
  static constexpr std::string_view group = group_.view();
  static constexpr Keeps keeps = keeps_;
  static constexpr op::Precision precision = precision_;

  using frozen = Node<L, Trains::no, name_, group_, keeps_, precision_>;
  template <FixedString other>
  using in_group = Node<L, trains_, name_, other, keeps_, precision_>;
  template <Keeps other>
  using keeping = Node<L, trains_, name_, group_, other, precision_>;
  template <op::Precision other>
  using in_precision = Node<L, trains_, name_, group_, keeps_, other>;
};

template <class... Nodes>
struct NodeList {};

namespace detail {

template <class... A, class... B>
NodeList<A..., B...> operator+(NodeList<A...>, NodeList<B...>);

template <class... Lists>
using concat = decltype((NodeList<>{} + ... + Lists{}));

template <class L>
struct expand {
  using type = NodeList<Node<L>>;
};
template <class L>
  requires requires { typename L::nodes; }
struct expand<L> {
  using type = typename L::nodes;
};
template <class L>
  requires requires { typename L::expansion; }
struct expand<L> {
  using type = typename expand<typename L::expansion>::type;
};

template <class... Layers>
using flatten = concat<typename expand<Layers>::type...>;

template <class... Nodes>
NodeList<typename Nodes::frozen...> freeze(NodeList<Nodes...>);

template <FixedString group, class... Nodes>
NodeList<typename Nodes::template in_group<group>...> regroup(NodeList<Nodes...>);

template <op::Precision precision, class... Nodes>
NodeList<typename Nodes::template in_precision<precision>...> convert(NodeList<Nodes...>);

template <class... Done, class Last>
NodeList<Done..., typename Last::template keeping<Keeps::nothing_and_ends_segment>> segment(NodeList<Done...>,
                                                                                             NodeList<Last>);
template <class... Done, class First, class... Rest>
  requires(sizeof...(Rest) > 0)
auto segment(NodeList<Done...>, NodeList<First, Rest...>) {
  return segment(NodeList<Done..., typename First::template keeping<Keeps::nothing>>{}, NodeList<Rest...>{});
}

}  // namespace detail

/// A layer under a name of its own: what weight files call it.
template <FixedString name, class L>
struct Named {
  using nodes = NodeList<Node<L, Trains::yes, name>>;
};

/// Layers whose parameters do not train: no gradient and no optimiser state anywhere.
template <class... Layers>
struct Freeze {
  using nodes = decltype(detail::freeze(detail::flatten<Layers...>{}));
};

/// Layers that keep nothing for backward but what goes in: the rest is computed again (Chen et al. 2016), less memory
/// for the time of one more forward. The result is the same to the bit.
template <class... Layers>
struct Recompute {
  using nodes = decltype(detail::segment(NodeList<>{}, detail::flatten<Layers...>{}));
};

/// Layers that compute in Int8 or Bf16: see core/precision.hpp.
template <class Option, class... Layers>
struct WithPrecision {
  using nodes = decltype(detail::convert<Option::precision>(detail::flatten<Layers...>{}));
};

/// Layers whose parameters form a group with a learning rate of its own: "backbone" is VGG16Backbone's; layers outside
/// any group form "head".
template <FixedString name, class... Layers>
struct Group {
  using nodes = decltype(detail::regroup<name>(detail::flatten<Layers...>{}));
};

}  // namespace cxrnet
