#pragma once
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/op/rules.hpp>

#include <array>
#include <cstddef>

namespace cxrnet {

/// Layers whose output somebody wants to see (a feature map for Grad-CAM, say): it is not fused away.
template <int... LayerIndices>
struct Taps {
  template <class Net>
  static constexpr bool has([[maybe_unused]] int value) {
    return (false || ... || (Traits<Net>::layers[static_cast<std::size_t>(LayerIndices)].value == value));
  }
};

namespace detail {

template <std::size_t Capacity>
struct OperationBuffer {
  std::array<op::Operation, Capacity> operations{};
  int size = 0;
  int output = 0;  ///< the value that the network gives

  constexpr op::Operation& at(int i) { return operations[static_cast<std::size_t>(i)]; }
  constexpr const op::Operation& at(int i) const { return operations[static_cast<std::size_t>(i)]; }

  constexpr void remove(int i) {
    for (int k = i; k + 1 < size; ++k) at(k) = at(k + 1);
    --size;
  }
  constexpr int uses(int value) const {
    int count = value == output ? 1 : 0;
    for (int i = 0; i < size; ++i) {
      for (const int input : at(i).inputs) count += input == value ? 1 : 0;
    }
    return count;
  }
  /// The only operation that reads operation i's output; -1 where that is not so.
  constexpr int only_reader(int i) const {
    const int value = at(i).output;
    if (uses(value) != 1) return -1;
    for (int k = i + 1; k < size; ++k) {
      if (at(k).inputs[0] == value && at(k).input_count() == 1) return k;
    }
    return -1;
  }
  constexpr void redirect(int from, int to) {
    for (int i = 0; i < size; ++i) {
      for (int& input : at(i).inputs) input = input == from ? to : input;
    }
    if (output == from) output = to;
  }
};

template <class... List>
constexpr bool fuse_by(Rules<List...>, [[maybe_unused]] op::Operation& first,
                       [[maybe_unused]] const op::Operation& next, [[maybe_unused]] Mode mode) {
  return (false || ... || List::fuse(first, next, mode));
}

template <class Rule>
constexpr bool chains_by_rule(const op::Operation& first, const op::Operation& next) {
  if constexpr (requires { Rule::chains(first, next); }) return Rule::chains(first, next);
  else return false;
}
template <class... List>
constexpr bool chains_by(Rules<List...>, [[maybe_unused]] const op::Operation& first, [[maybe_unused]] const op::Operation& next) {
  return (false || ... || chains_by_rule<List>(first, next));
}

template <class Net, class Backend, Mode mode, class Wanted>
consteval auto rewrite() {
  using T = Traits<Net>;
  OperationBuffer<static_cast<std::size_t>(T::operation_count)> list;
  for (list.size = 0; list.size < T::operation_count; ++list.size) {
    list.at(list.size) = T::operations[static_cast<std::size_t>(list.size)];
  }
  list.output = T::layers.back().value;

  // Nothing before the cut is trained, so nothing there keeps what backward needs. Features end at the cut.
  const auto mode_of = [](const op::Operation& operation) { return operation.layer < T::cut ? Mode::inference : mode; };
  for (int i = 0; i < list.size;) {
    op::Operation& operation = list.at(i);
    const bool idle = operation.kind == op::Kind::dropout && mode_of(operation) == Mode::inference;
    if (idle && !Wanted::template has<Net>(operation.output)) {
      list.redirect(operation.output, operation.inputs[0]);
      list.remove(i);
      continue;
    }
    if (idle) operation.rate = 0;  // a copy, for who wants to see it
    if (operation.kind == op::Kind::batch_norm && mode_of(operation) == Mode::training &&
        T::layers[static_cast<std::size_t>(operation.layer)].stateful) {
      operation.statistics = op::Statistics::batch;
    }
    ++i;
  }
  for (int i = 0; i < list.size;) {
    op::Operation& first = list.at(i);
    const bool kept = Wanted::template has<Net>(first.output) || first.output == T::feature_value;
    const int reader = kept ? -1 : list.only_reader(i);
    if (reader >= 0 && list.at(reader).segment == first.segment && list.at(reader).precision == first.precision &&
        fuse_by(typename Backend::rules{}, first, list.at(reader), mode_of(list.at(reader)))) {
      first.output = list.at(reader).output;
      first.out = list.at(reader).out;
      list.remove(reader);
    } else {
      ++i;
    }
  }
  for (int i = 0; i + 1 < list.size; ++i) {
    op::Operation& first = list.at(i);
    op::Operation& next = list.at(i + 1);
    const bool kept = Wanted::template has<Net>(first.output) || first.output == T::feature_value;
    first.chained = next.continues = !kept && mode_of(first) == Mode::inference && mode_of(next) == Mode::inference &&
                                     list.only_reader(i) == i + 1 && chains_by(typename Backend::rules{}, first, next);
  }
  if (mode == Mode::training) {
    std::array<bool, static_cast<std::size_t>(T::operation_count) + 1> carries{};  // values that depend on what trains
    const auto trains = [](int p) { return p >= 0 && T::parameters[static_cast<std::size_t>(p)].trains; };
    for (int i = 0; i < list.size; ++i) {
      op::Operation& operation = list.at(i);
      for (const int input : operation.inputs) {
        operation.gradient_in = operation.gradient_in || (input >= 0 && carries[static_cast<std::size_t>(input)]);
      }
      operation.gradient_parameters = trains(operation.kernel) || trains(operation.bias);
      for (int k = 0; k < operation.parameter_count; ++k) {
        operation.gradient_parameters = operation.gradient_parameters || trains(operation.first_parameter + k);
      }
      carries[static_cast<std::size_t>(operation.output)] = operation.backward();
    }
  }
  return list;
}

}  // namespace detail

/// A network as a backend runs it: the operations after the backend's fusions, with operand numbers. Values keep the
/// numbers they have in `Traits<Net>::operations`, so that a tap finds its own.
template <class Net, class Backend, Mode mode, class Wanted = Taps<>>
struct Rewrite {
 private:
  static constexpr auto list = detail::rewrite<Net, Backend, mode, Wanted>();
  template <std::size_t Count>
  static consteval auto slice(int first) {
    std::array<op::Operation, Count> part{};
    for (std::size_t i = 0; i < Count; ++i) part[i] = list.at(first + static_cast<int>(i));
    return part;
  }
  static constexpr int before_cut = [] {
    int count = 0;
    while (count < list.size && list.at(count).layer < Traits<Net>::cut) ++count;
    return count;
  }();

 public:
  /// All operations; those before the cut, whose output is the features; and those behind it.
  static constexpr auto operations = slice<static_cast<std::size_t>(list.size)>(0);
  static constexpr auto backbone = slice<static_cast<std::size_t>(before_cut)>(0);
  static constexpr auto head = slice<static_cast<std::size_t>(list.size - before_cut)>(before_cut);
  /// The value that the network gives.
  static constexpr int output = list.output;
};

}  // namespace cxrnet
