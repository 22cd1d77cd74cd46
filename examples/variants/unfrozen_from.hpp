#pragma once
#include "variants/variants.hpp"

#include <cxrnet/core/precision.hpp>

namespace cxrnet::programs {

// Where a network runs: the default backend, or the GPU (on_cuda.hpp).
struct OnCpu;
struct OnCuda;

/// The networks that train from one block on: what variants.hpp declares, of that depth, precision and device. Each is
/// compiled in a unit of its own, which includes instance.hpp.
template <int unfreeze_from, class Precision = Float32, class Device = OnCpu>
struct UnfrozenFrom {
  static std::vector<float> initial_parameters(const Variant& variant, std::uint64_t seed);
  static void calibrate(const Variant& variant, std::span<float> parameters, std::span<const std::uint8_t> images);
  static const Description& describe(const Variant& variant);
  static std::unique_ptr<Classifier> make(const Variant& variant, std::vector<float> parameters, int capacity,
                                          std::uint64_t seed, const Adam& optimizer, Clip clip);
};

}  // namespace cxrnet::programs
