#pragma once
#include <cxrnet/op/operation.hpp>
#include <cxrnet/op/rules.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace cxrnet {

/// A place in the arena, in bytes for each image; `bytes` 0: there is none.
struct Slot {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

/// Where every value and every gradient of a list of operations lies. Two that are never alive together share bytes.
template <std::size_t Values>
struct MemoryPlan {
  std::array<Slot, Values> values{};
  std::array<Slot, Values> gradients{};
  std::size_t bytes = 0;      ///< of the arena, for each image of the batch
  std::size_t unshared = 0;   ///< what it would be if nothing shared
};

inline constexpr std::size_t arena_alignment = 64;

namespace detail {

/// Times from first to last, none where last is smaller.
struct Span {
  int first = 0;
  int last = -1;
};
constexpr bool meet(Span a, Span b) {
  return a.first <= b.last && b.first <= a.last && a.first <= a.last && b.first <= b.last;
}

/// When a slot holds something: once, or twice where its value is computed again.
struct Lifetime {
  Slot* slot;
  Span once;
  Span again{};
};
constexpr bool meet(const Lifetime& a, const Lifetime& b) {
  return meet(a.once, b.once) || meet(a.once, b.again) || meet(a.again, b.once) || meet(a.again, b.again);
}

/// Largest first, each at the lowest offset that nothing alive at the same time holds.
constexpr std::size_t place(std::span<Lifetime> items) {
  std::sort(items.begin(), items.end(), [](const Lifetime& a, const Lifetime& b) {
    return a.slot->bytes != b.slot->bytes ? a.slot->bytes > b.slot->bytes : a.once.first < b.once.first;
  });
  std::size_t end = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    // Those placed already stand in the order of their offsets, so that one pass finds the lowest gap.
    const Lifetime item = items[i];
    std::size_t offset = 0;
    for (std::size_t k = 0; k < i; ++k) {
      const Slot& other = *items[k].slot;
      if (offset + item.slot->bytes <= other.offset) break;
      if (offset < other.offset + other.bytes && meet(item, items[k])) offset = other.offset + other.bytes;
    }
    item.slot->offset = offset;
    end = std::max(end, offset + item.slot->bytes);
    std::size_t at = i;
    for (; at > 0 && items[at - 1].slot->offset > offset; --at) items[at] = items[at - 1];
    items[at] = item;
  }
  return end;
}

}  // namespace detail

/// The plan of `operations`, whose input is value `input` with dims `input_dims`. While training, what backward reads
/// stays until then, or is there twice where a segment computes it again, and gradients live from the first operation
/// that writes them to the one that reads them last.
/// `bytes_of(dims, precision)` is the backend's upper bound for one image.
template <std::size_t Values, std::size_t Operations, class BytesOf>
consteval MemoryPlan<Values> plan_memory(const std::array<op::Operation, Operations>& operations, int input,
                                         Dims input_dims, BytesOf bytes_of,
                                         op::Precision input_precision = op::Precision::float32) {
  constexpr int count = static_cast<int>(Operations);
  constexpr int end = 2 * count + 1;
  const auto backward_time = [](int i) { return 2 * count - i; };
  MemoryPlan<Values> plan;
  std::array<detail::Lifetime, 2 * (Operations + 1)> items{};
  std::size_t size = 0;
  const auto add = [&](Slot& slot, Dims dims, op::Precision precision, detail::Span once, detail::Span again = {}) {
    slot.bytes = (bytes_of(dims, precision) + arena_alignment - 1) / arena_alignment * arena_alignment;
    plan.unshared += slot.bytes;
    items[size++] = {&slot, once, again};
  };
  // When backward computes the values of operation i's segment again.
  const auto recompute_time = [&](int i) {
    for (int k = count; k-- > 0;) {
      const bool starts = op::starts_segment_backward(operations, static_cast<std::size_t>(k));
      if (starts && operations[static_cast<std::size_t>(k)].segment == operations[static_cast<std::size_t>(i)].segment) {
        return backward_time(k);
      }
    }
    return -1;
  };
  const auto reads = [&](int i, int value) {
    const op::Operation& operation = operations[static_cast<std::size_t>(i)];
    return operation.inputs[0] == value || operation.inputs[1] == value;
  };
  const auto keeps = [&](int i) { return op::keeps_value(operations, static_cast<std::size_t>(i)); };
  // The last times at which somebody reads a value, forward and on the way back.
  const auto last_forward = [&](int value, int made) {
    int last = made;
    for (int i = 0; i < count; ++i) last = reads(i, value) ? i : last;
    // What a chain reads stays until all of it is done.
    while (last > made && operations[static_cast<std::size_t>(last)].chained) ++last;
    return last;
  };
  const auto last_backward = [&](int value, int made) {
    int last = made;
    for (int i = 0; i < count; ++i) {
      if (!reads(i, value)) continue;
      if (operations[static_cast<std::size_t>(i)].backward()) last = std::max(last, backward_time(i));
      if (!keeps(i)) last = std::max(last, recompute_time(i));
    }
    return last;
  };
  const auto last_use = [&](int value, int made) { return std::max(last_forward(value, made), last_backward(value, made)); };
  add(plan.values[static_cast<std::size_t>(input)], input_dims, input_precision, {-1, last_use(input, count == 0 ? end : -1)});
  for (int i = 0; i < count; ++i) {
    const op::Operation& operation = operations[static_cast<std::size_t>(i)];
    Slot& value = plan.values[static_cast<std::size_t>(operation.output)];
    const int own = operation.backward() ? backward_time(i) : i;
    if (!keeps(i) && recompute_time(i) >= 0) {
      add(value, operation.out, operation.precision, {i, last_forward(operation.output, i)},
          {recompute_time(i), std::max(recompute_time(i), last_backward(operation.output, own))});
    } else {
      add(value, operation.out, operation.precision, {i, i + 1 == count ? end : last_use(operation.output, own)});
    }
    if (operation.backward()) {
      int first = backward_time(i);
      for (int k = i + 1; k < count; ++k) {
        if (reads(k, operation.output)) first = std::min(first, backward_time(k));
      }
      if (i + 1 == count) first = count;
      add(plan.gradients[static_cast<std::size_t>(operation.output)], operation.out, operation.precision,
          {first, backward_time(i)});
    }
  }
  plan.bytes = detail::place(std::span(items.data(), size));
  return plan;
}

}  // namespace cxrnet
