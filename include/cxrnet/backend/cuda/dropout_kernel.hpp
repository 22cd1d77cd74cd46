#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>
#include <cxrnet/random/philox.hpp>

#include <cstdint>

namespace cxrnet::cuda {

/// The 32 bits that RandomStream (random/philox.hpp) gives in place `element` for dropout.
CXRNET_BOTH inline std::uint32_t dropout_bits(std::uint64_t seed, std::uint32_t step, std::uint32_t layer, std::int64_t element) {
  const auto words = philox4x32({static_cast<std::uint32_t>(element / 4), layer, step, static_cast<std::uint32_t>(RandomUse::dropout)},
                                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)});
  const auto word = element % 4;  // not an index, for which the words would lie in memory
  return word == 0 ? words[0] : word == 1 ? words[1] : word == 2 ? words[2] : words[3];
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
