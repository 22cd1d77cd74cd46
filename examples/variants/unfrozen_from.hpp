#pragma once
#include "variants/variants.hpp"

namespace cxrnet::programs {

/// The networks that train from one block on: what variants.hpp declares, of that depth. Each depth is compiled in a
/// unit of its own, which includes instance.hpp.
template <int unfreeze_from>
struct UnfrozenFrom {
  static std::vector<float> initial_parameters(const Variant& variant, std::uint64_t seed);
  static const Description& describe(const Variant& variant);
  static std::unique_ptr<Classifier> make(const Variant& variant, std::vector<float> parameters, int capacity,
                                          std::uint64_t seed, const Adam& optimizer, Clip clip);
};

}  // namespace cxrnet::programs
