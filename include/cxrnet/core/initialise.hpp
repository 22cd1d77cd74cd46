#pragma once
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace cxrnet {

/// Fills one parameter as its `init` says; a function of (seed, index, element) alone.
template <class Scalar>
void initialise(const Parameter& parameter, std::uint64_t seed, int index, std::span<Scalar> values) {
  if (parameter.init != Init::glorot_uniform) {
    std::fill(values.begin(), values.end(), parameter.init == Init::ones ? Scalar{1} : Scalar{0});
    return;
  }
  RandomStream stream(seed, RandomUse::weights, 0, static_cast<std::uint32_t>(index));
  const double limit = std::sqrt(6.0 / static_cast<double>(parameter.fan_in() + parameter.fan_out()));
  for (Scalar& value : values) value = static_cast<Scalar>(stream.uniform(-limit, limit));
}

/// All parameters of a network as it starts, in layer order.
template <class Net, class Scalar = float>
std::vector<Scalar> initial_parameters(std::uint64_t seed) {
  std::vector<Scalar> values(Traits<Net>::parameter_count);
  int index = 0;
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    initialise<Scalar>(info.parameter, seed, index++, std::span(values).subspan(info.offset, info.parameter.size()));
  }
  return values;
}

}  // namespace cxrnet
