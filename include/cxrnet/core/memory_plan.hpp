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

struct Lifetime {
  Slot* slot;
  int first;
  int last;
};

/// Largest first, each at the lowest offset that nothing alive at the same time holds.
constexpr std::size_t place(std::span<Lifetime> items) {
  std::sort(items.begin(), items.end(), [](const Lifetime& a, const Lifetime& b) {
    return a.slot->bytes != b.slot->bytes ? a.slot->bytes > b.slot->bytes : a.first < b.first;
  });
  std::size_t end = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::size_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t k = 0; k < i; ++k) {
        const Slot& other = *items[k].slot;
        const bool together = items[i].first <= items[k].last && items[k].first <= items[i].last;
        if (together && offset < other.offset + other.bytes && other.offset < offset + items[i].slot->bytes) {
          offset = other.offset + other.bytes;
          moved = true;
        }
      }
    }
    items[i].slot->offset = offset;
    end = std::max(end, offset + items[i].slot->bytes);
  }
  return end;
}

}  // namespace detail

/// The plan of `operations`, whose input is value `input` with dims `input_dims`. While training, what backward reads
/// stays until then, and gradients live from the first operation that writes them to the one that reads them last.
/// `bytes_of(dims)` is the backend's upper bound for one image.
template <std::size_t Values, std::size_t Operations, class BytesOf>
consteval MemoryPlan<Values> plan_memory(const std::array<op::Operation, Operations>& operations, int input,
                                         Dims input_dims, BytesOf bytes_of) {
  constexpr int count = static_cast<int>(Operations);
  constexpr int end = 2 * count + 1;
  const auto backward_time = [](int i) { return 2 * count - i; };
  MemoryPlan<Values> plan;
  std::array<detail::Lifetime, 2 * (Operations + 1)> items{};
  std::size_t size = 0;
  const auto rounded = [&](Dims dims) {
    return (bytes_of(dims) + arena_alignment - 1) / arena_alignment * arena_alignment;
  };
  const auto add = [&](Slot& slot, Dims dims, int first, int last) {
    slot.bytes = rounded(dims);
    plan.unshared += slot.bytes;
    items[size++] = {&slot, first, last};
  };
  const auto last_use = [&](int value, int made) {
    int last = made;
    for (int i = 0; i < count; ++i) {
      const op::Operation& operation = operations[static_cast<std::size_t>(i)];
      const bool reads = operation.inputs[0] == value || operation.inputs[1] == value;
      if (reads) last = std::max(last, operation.backward() ? backward_time(i) : i);
    }
    return last;
  };
  add(plan.values[static_cast<std::size_t>(input)], input_dims, -1, last_use(input, count == 0 ? end : -1));
  for (int i = 0; i < count; ++i) {
    const op::Operation& operation = operations[static_cast<std::size_t>(i)];
    const auto value = static_cast<std::size_t>(operation.output);
    int last = last_use(operation.output, operation.backward() ? backward_time(i) : i);
    if (i + 1 == count) last = end;
    add(plan.values[value], operation.out, i, last);
    if (operation.backward()) {
      int first = backward_time(i);
      for (int k = i + 1; k < count; ++k) {
        const auto& reader = operations[static_cast<std::size_t>(k)];
        if (reader.inputs[0] == operation.output || reader.inputs[1] == operation.output) {
          first = std::min(first, backward_time(k));
        }
      }
      if (i + 1 == count) first = count;
      add(plan.gradients[value], operation.out, first, backward_time(i));
    }
  }
  plan.bytes = detail::place(std::span(items.data(), size));
  return plan;
}

}  // namespace cxrnet
