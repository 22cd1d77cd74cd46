#pragma once
#include <cxrnet/core/fault.hpp>
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/op/builder.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace cxrnet {

/// What is known of one layer of a network.
struct LayerInfo {
  std::string_view kind;
  Name name;  ///< given, or Keras's automatic one: "dense", "dense_1"
  Dims in;
  Dims out;
  int first_parameter = 0;
  int parameter_count = 0;
  std::size_t parameters = 0;  ///< elements
  op::Precision precision = op::Precision::float32;
  bool trains = false;         ///< has parameters that train
  bool random = false;
  bool stateful = false;       ///< keeps moving averages, which training changes
  std::string_view group;      ///< "backbone", "head"
  int depth = 0;               ///< how many residual blocks it stands in
  int first_operation = 0;
  int value = 0;               ///< the value that it gives
};

namespace detail {

/// What is wrong with a layer.
enum class Flaw { shape, name, precision };

/// Everything the compiler finds out of a flat list of layers, in one pass.
template <std::size_t Layers, std::size_t Parameters>
struct Analysis {
  std::array<LayerInfo, Layers> layers{};
  std::array<ParameterInfo, Parameters> parameters{};
  std::array<op::Operation, Layers * op::Builder::per_layer> operations{};
  int operation_count = 0;
  int fault = -1;  ///< the first layer with a fault, -1: none
  Flaw flaw = Flaw::shape;  ///< of the layer with the fault
  Dims got{};      ///< what that layer got
  Dims expected{};  ///< the exact shape that it needs, no shape where its `expects` says it all
};

template <class L>
constexpr Dims implied_input() {
  if constexpr (requires { L::implies; }) return L::implies;
  else return {};
}

/// Whether a node's output has a scale for each channel: it computes sums in int8.
template <class Node>
constexpr bool has_scale() {
  // Dims do not change how many parameters a layer has.
  return Node::precision == op::Precision::int8 && layer_parameters<typename Node::layer>(image_dims(1, 1, 1)).size() > 0;
}

template <class... Nodes>
constexpr std::size_t count_parameters(NodeList<Nodes...>) {
  return (std::size_t{0} + ... +
          (layer_parameters<typename Nodes::layer>(image_dims(1, 1, 1)).size() + (has_scale<Nodes>() ? 1 : 0)));
}

/// Whether a node may compute in its precision, behind a node that computes in `before`: frozen, and in int8 nothing
/// else comes first.
template <class Node>
constexpr bool precision_fits(int index, op::Precision before) {
  if (Node::precision == op::Precision::float32) return true;
  const bool trains = Node::trains == Trains::yes && layer_parameters<typename Node::layer>(image_dims(1, 1, 1)).size() > 0;
  return !trains && (Node::precision != op::Precision::int8 || index == 0 || before == Node::precision);
}

template <class... Nodes>
class Analyser {
 public:
  static consteval auto run() {
    Analyser analyser;
    int index = 0;
    (analyser.template visit<Nodes>(index++), ...);
    return analyser.result_;
  }

 private:
  static constexpr std::size_t max_name = 48;
  static constexpr std::size_t layers = sizeof...(Nodes);
  static constexpr std::size_t parameters = count_parameters(NodeList<Nodes...>{});

  template <class Node>
  constexpr void visit(int index) {
    using L = typename Node::layer;
    if (result_.fault >= 0) return;
    if constexpr (LayerContract<L>) check_and_add<Node, L>(index);
    else result_.fault = index;
  }

  template <class Node, class L>
  constexpr void check_and_add(int index) {
    const Dims in = index == 0 ? implied_input<L>() : builder_.dims();
    const bool starts = requires { L::implies; };
    if (starts != (index == 0) || (!starts && !accepts<L>(in))) {
      result_.fault = index;
      result_.got = starts ? in : builder_.dims();
      if (index == 0) result_.got = {};
      if constexpr (requires { L::accepts_merge(in, in); }) result_.expected = builder_.forked_dims();
      return;
    }
    const Name name = Node::name.empty() ? automatic_name(L::kind, index) : Name(Node::name);
    const bool named = Node::name.size() <= max_name && !taken(name, index);
    if (!named || !precision_fits<Node>(index, index == 0 ? Node::precision : precision_of(index - 1))) {
      result_.fault = index;
      result_.flaw = named ? Flaw::precision : Flaw::name;
      return;
    }
    if (index == 0) builder_ = op::Builder(result_.operations.data(), static_cast<int>(result_.operations.size()), in);
    add_layer<Node, L>(index, in, name);
  }

  constexpr op::Precision precision_of(int index) const { return result_.layers[static_cast<std::size_t>(index)].precision; }

  constexpr bool taken(const Name& name, int index) const {
    for (int i = 0; i < index; ++i) {
      if (result_.layers[static_cast<std::size_t>(i)].name.view() == name.view()) return true;
    }
    return false;
  }

  template <class L>
  constexpr bool accepts(Dims in) const {
    if constexpr (requires { L::accepts_merge(in, in); }) return L::accepts_merge(in, builder_.forked_dims());
    else return L::accepts(in);
  }

  template <class Node, class L>
  constexpr void add_layer(int index, Dims in, const Name& name) {
    LayerInfo& info = result_.layers[static_cast<std::size_t>(index)];
    info.kind = L::kind;
    info.name = name;
    info.in = in;
    info.random = layer_is_random<L>();
    info.group = Node::group.empty() ? std::string_view("head") : Node::group;
    info.first_parameter = parameter_;
    info.precision = Node::precision;
    info.depth = builder_.depth();
    info.first_operation = builder_.size();
    for (const Parameter& parameter : layer_parameters<L>(in)) add_parameter<Node>(index, info, parameter);
    int scale = -1;
    if constexpr (has_scale<Node>()) {
      scale = parameter_;
      add_parameter<Node>(index, info, activation_scale(L::output(in).channels));
    }
    info.parameter_count = parameter_ - info.first_parameter;
    builder_.start_layer(index, info.first_parameter, Node::keeps == Keeps::values ? -1 : segment_, Node::precision, scale);
    if (Node::keeps == Keeps::nothing_and_ends_segment) ++segment_;
    L::lower(builder_);
    result_.operation_count = builder_.size();
    info.out = builder_.dims();
    info.value = builder_.value();
  }

  template <class Node>
  constexpr void add_parameter(int index, LayerInfo& info, const Parameter& parameter) {
    ParameterInfo& entry = result_.parameters[static_cast<std::size_t>(parameter_++)];
    entry.parameter = parameter;
    entry.name = Name(info.name.view()).append(".").append(parameter.role);
    entry.layer = index;
    entry.offset = offset_;
    entry.trains = Node::trains == Trains::yes && parameter.update == Update::gradient;
    entry.averages = Node::trains == Trains::yes && parameter.update == Update::moving_average;
    entry.gradient = gradient_;
    offset_ += parameter.size();
    if (entry.changes()) gradient_ += parameter.size();
    info.parameters += parameter.size();
    info.trains = info.trains || entry.trains;
    info.stateful = info.stateful || entry.averages;
  }

  constexpr Name automatic_name(std::string_view kind, int index) const {
    int before = 0;
    for (int i = 0; i < index; ++i) before += result_.layers[static_cast<std::size_t>(i)].kind == kind ? 1 : 0;
    Name name(kind);
    if (before > 0) name.append("_").append_number(before);
    return name;
  }

  Analysis<layers, parameters> result_{};
  op::Builder builder_{nullptr, 0, Dims{}};
  int parameter_ = 0;
  int segment_ = 0;
  std::size_t offset_ = 0;
  std::size_t gradient_ = 0;
};

template <int Index, class Nodes>
struct layer_at;
template <class First, class... Rest, int Index>
struct layer_at<Index, NodeList<First, Rest...>> : layer_at<Index - 1, NodeList<Rest...>> {};
template <class First, class... Rest>
struct layer_at<0, NodeList<First, Rest...>> {
  using type = typename First::layer;
};

template <class Nodes>
struct analysed;
template <class... Nodes>
struct analysed<NodeList<Nodes...>> {
  static constexpr auto value = Analyser<Nodes...>::run();
};

/// Base of Traits: empty for a sound network, the one error otherwise.
template <class Nodes, int fault = analysed<Nodes>::value.fault, Flaw flaw = analysed<Nodes>::value.flaw>
struct checked : not_a_layer<LayerIndex<fault>, Layer<typename layer_at<fault, Nodes>::type>> {};
template <class Nodes, int fault>
struct checked<Nodes, fault, Flaw::name> : name_error<LayerIndex<fault>, Layer<typename layer_at<fault, Nodes>::type>> {};
template <class Nodes, int fault>
struct checked<Nodes, fault, Flaw::precision>
    : precision_error<LayerIndex<fault>, Layer<typename layer_at<fault, Nodes>::type>> {};
template <class Nodes, int fault>
  requires(fault >= 0 && LayerContract<typename layer_at<fault, Nodes>::type>)
struct checked<Nodes, fault, Flaw::shape>
    : shape_error<LayerIndex<fault>, Layer<typename layer_at<fault, Nodes>::type>,
                  Got<shape_type<analysed<Nodes>::value.got>>,
                  Expects<std::conditional_t<analysed<Nodes>::value.expected.rank == 0,
                                             typename layer_at<fault, Nodes>::type::expects,
                                             shape_type<analysed<Nodes>::value.expected>>>> {};
template <class Nodes>
struct checked<Nodes, -1, Flaw::shape> {};

template <class List>
struct preprocess_of;
template <class First, class... Rest>
struct preprocess_of<NodeList<First, Rest...>> {
  using type = AsGiven;
};
template <class First, class... Rest>
  requires requires { typename First::layer::Preprocess; }
struct preprocess_of<NodeList<First, Rest...>> {
  using type = typename First::layer::Preprocess;
};

}  // namespace detail

/// A network as a type: layers in order, nested sequences and backbones flattened. Its first layer is `Input<H, W, C>`
/// or a backbone, which implies its input. Everything below is a constant; a network whose shapes do not fit does not
/// compile, and the one error names the layer's index, the layer, the shape it got and the shape it expects.
template <class... Layers>
struct Seq {
  static_assert(sizeof...(Layers) > 0, "cxrnet: a network has at least one layer");
  using nodes = detail::flatten<Layers...>;
};

/// What the compiler knows of a network type.
template <class Net>
struct Traits : private detail::checked<typename detail::expand<Net>::type> {
 private:
  using nodes = typename detail::expand<Net>::type;
  static constexpr const auto& analysis = detail::analysed<nodes>::value;

 public:
  using Preprocess = typename detail::preprocess_of<nodes>::type;

  static constexpr const auto& layers = analysis.layers;          ///< LayerInfo, flat
  static constexpr const auto& parameters = analysis.parameters;  ///< ParameterInfo, in layer order
  static constexpr const auto& operations = analysis.operations;  ///< unfused; `operation_count` of them
  static constexpr int operation_count = analysis.operation_count;
  static constexpr int layer_count = static_cast<int>(layers.size());
  static constexpr Dims input = layers.front().out;
  static constexpr Dims output = layers.back().out;
  /// What the network reads, once prepared: bytes where it begins in Int8, and Preprocess is part of its first layer.
  static constexpr op::Precision input_precision = layers.front().precision;
  using Prepared = std::conditional_t<input_precision == op::Precision::int8, std::uint8_t, float>;

  /// Elements of all parameters, and of those that train.
  static constexpr std::size_t parameter_count = [] {
    std::size_t count = 0;
    for (const auto& p : parameters) count += p.parameter.size();
    return count;
  }();
  static constexpr std::size_t trainable_count = [] {
    std::size_t count = 0;
    for (const auto& p : parameters) count += p.trains ? p.parameter.size() : 0;
    return count;
  }();

  /// Elements of what backward gives: gradients, and the statistics that moving averages take.
  static constexpr std::size_t gradient_count = [] {
    std::size_t count = 0;
    for (const auto& p : parameters) count += p.changes() ? p.parameter.size() : 0;
    return count;
  }();

  /// The cut: the first layer that trains, is random or has state (the number of layers if none does). What is before
  /// it never sees a gradient, and its output, the features, can be kept. A residual block is not cut in two.
  static constexpr int cut = [] {
    int block = 0;
    for (int i = 0; i < layer_count; ++i) {
      const LayerInfo& layer = layers[static_cast<std::size_t>(i)];
      if (layer.depth == 0) block = i;
      if (layer.trains || layer.random || layer.stateful) return block;
    }
    return layer_count;
  }();
  /// The value and the dims of the features: what the layers before the cut give, the input where there is none.
  static constexpr int feature_value = cut == 0 ? 0 : layers[static_cast<std::size_t>(cut - 1)].value;
  static constexpr Dims features = cut == 0 ? input : layers[static_cast<std::size_t>(cut - 1)].out;

  /// Multiply-adds of a forward pass of one image, counted as two.
  static constexpr double flops = [] {
    double sum = 0;
    for (int i = 0; i < operation_count; ++i) sum += op::flops(operations[static_cast<std::size_t>(i)]);
    return sum;
  }();
};

}  // namespace cxrnet
