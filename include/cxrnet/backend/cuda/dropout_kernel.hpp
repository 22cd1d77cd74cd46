#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>
#include <cxrnet/random/philox.hpp>

#include <cstdint>

namespace cxrnet::cuda {

/// The 32 bits that RandomStream (random/philox.hpp) gives in place `element` for dropout.
CXRNET_BOTH inline std::uint32_t dropout_bits(std::uint64_t seed, std::uint32_t step, std::uint32_t layer, std::int64_t element) {
  std::uint32_t a = static_cast<std::uint32_t>(element / 4), b = layer, c = step, d = static_cast<std::uint32_t>(RandomUse::dropout);
  std::uint32_t key = static_cast<std::uint32_t>(seed), key_high = static_cast<std::uint32_t>(seed >> 32U);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53U} * a, second = std::uint64_t{0xCD9E8D57U} * c;
    a = static_cast<std::uint32_t>(second >> 32U) ^ b ^ key;
    b = static_cast<std::uint32_t>(second);
    c = static_cast<std::uint32_t>(first >> 32U) ^ d ^ key_high;
    d = static_cast<std::uint32_t>(first);
    key += 0x9E3779B9U;
    key_high += 0xBB67AE85U;
  }
  const int word = static_cast<int>(element % 4);
  return word == 0 ? a : word == 1 ? b : word == 2 ? c : d;
}

/// Forward and backward alike: keeps and scales the elements that (seed, step, layer, element) keeps, elements counted without
/// padding; `mask`, where there is one, is a ReLU's output: what it held back is 0.
template <class T>
struct Dropout {
  Maps maps;
  int layer;
  double rate;
  const StepSettings* settings;
  const T* x;
  const T* mask;
  T* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return maps.numbers(); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int channel = static_cast<int>(i % maps.stride);
    float value = 0;
    if (channel < maps.channels && (mask == nullptr || to_float(mask[i]) > 0)) {
      const std::int64_t element = i / maps.stride * maps.channels + channel;
      const std::uint32_t bits = dropout_bits(settings->seed, settings->step, static_cast<std::uint32_t>(layer), element);
      if (static_cast<double>(bits) * 0x1p-32 >= rate) value = to_float(x[i]) * static_cast<float>(1 / (1 - rate));
    }
    y[i] = number<T>(value);
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, settings, 1);
    reads(visit, x, maps.numbers());
    if (mask != nullptr) reads(visit, mask, maps.numbers());
    writes(visit, y, maps.numbers());
  }
};

}  // namespace cxrnet::cuda
