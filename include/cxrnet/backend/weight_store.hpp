#pragma once
#include <cxrnet/core/current.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// What weights are packed from: the layouts they are packed to, and the parameters.
struct PackedFrom {
  std::string layouts;
  std::vector<std::span<const float>> parameters;
};

/// Where packed weights stay from one start of a program to the next. `PackedWeightFiles` keeps them in a folder.
class WeightStore {
 public:
  WeightStore() = default;
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;
  virtual ~WeightStore() = default;

  /// What packed weights are known by. All that they are packed from is read for it: ask once.
  [[nodiscard]] virtual std::string key_of(const PackedFrom& from) const = 0;
  /// Packed weights, `bytes` of them, aligned to arena_alignment, for as long as the pointer lives; null where there are none.
  [[nodiscard]] virtual std::shared_ptr<const std::byte> find(const std::string& key, std::size_t bytes) = 0;
  /// Keeps packed weights, those given behind each other. Does not throw: what cannot be kept is packed anew next time.
  virtual void keep(const std::string& key, std::span<const std::span<const std::byte>> packed) = 0;
};

/// While one lives, networks that this thread builds on Cpu take their packed weights from a store, or give it theirs.
using WithWeightStore = WithCurrent<WeightStore>;

}  // namespace cxrnet
