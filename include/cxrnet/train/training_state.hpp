#pragma once
#include <cxrnet/core/description.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/history.hpp>
#include <cxrnet/train/loss.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

/// What a callback carries from one part of a training run to the next.
struct CallbackState {
  std::map<std::string, double> numbers;
  std::vector<float> values;  ///< parameters, say

  bool operator==(const CallbackState&) const = default;
};

/// A number of a callback's state. ArgumentError where it has none of that name.
[[nodiscard]] inline double number_of(const CallbackState& state, std::string_view callback, const std::string& name) {
  const auto found = state.numbers.find(name);
  if (found == state.numbers.end()) {
    throw ArgumentError("The state of the callback '" + std::string(callback) + "' lacks '" + name +
                        "': was it kept by another version?");
  }
  return found->second;
}
/// The same where it counts something.
[[nodiscard]] inline int count_of(const CallbackState& state, std::string_view callback, const std::string& name) {
  const double value = number_of(state, callback, name);
  if (!(value >= 0 && value <= std::numeric_limits<int>::max()) || value != std::floor(value)) {
    throw ArgumentError("The state of the callback '" + std::string(callback) + "' has a '" + name +
                        "' that is no count.");
  }
  return static_cast<int>(value);
}

/// Everything a training run continues from, to the same bits, given the same network, seeds, data, options and
/// callbacks (a group's rate, Classifier::set_group_rate, is an option). A point between two steps, when every callback
/// has seen the one before.
struct TrainingState {
  std::uint64_t steps = 0;             ///< that the optimiser has made
  int epoch = 0;                       ///< epochs completed, validation included
  std::size_t batches = 0;             ///< completed in the epoch begun; all of them where its validation is to come
  std::size_t samples = 0;             ///< seen in the epoch begun
  StepResult sums;                     ///< over these samples
  double learning_rate = 0;
  std::vector<float> parameters;       ///< those that training changes: see `changing_parameters`
  std::vector<float> optimizer_state;  ///< as Classifier::optimizer_state gives it
  History history;
  std::map<std::string, CallbackState> callbacks;  ///< by Callback::name, " 2", " 3"... behind a name met before
};

/// How many numbers of a network training changes: weights that train, and moving averages.
[[nodiscard]] inline std::size_t changing_count(const Description& network) {
  std::size_t count = 0;
  for (const ParameterInfo& info : network.parameters) count += info.changes() ? info.parameter.size() : 0;
  return count;
}

/// Those numbers, in layer order, out of all of the network's parameters.
[[nodiscard]] inline std::vector<float> changing_parameters(const Description& network,
                                                            std::span<const float> parameters) {
  if (parameters.size() != network.parameter_count) {
    throw ArgumentError("This network has " + std::to_string(network.parameter_count) + " parameters, but " +
                        std::to_string(parameters.size()) + " were given: give all of them.");
  }
  std::vector<float> changing;
  changing.reserve(changing_count(network));
  for (const ParameterInfo& info : network.parameters) {
    if (!info.changes()) continue;
    const auto values = parameters.subspan(info.offset, info.parameter.size());
    changing.insert(changing.end(), values.begin(), values.end());
  }
  return changing;
}

/// The inverse: writes what `changing_parameters` gave back into all of the network's parameters.
inline void put_changing_parameters(const Description& network, std::span<const float> changing,
                                    std::span<float> parameters) {
  if (parameters.size() != network.parameter_count || changing.size() != changing_count(network)) {
    throw ArgumentError("Training changes " + std::to_string(changing_count(network)) + " of this network's " +
                        std::to_string(network.parameter_count) + " parameters, but " +
                        std::to_string(changing.size()) + " of " + std::to_string(parameters.size()) +
                        " were given: is this another network's state?");
  }
  for (const ParameterInfo& info : network.parameters) {
    if (!info.changes()) continue;
    const auto values = changing.first(info.parameter.size());
    std::copy(values.begin(), values.end(), parameters.subspan(info.offset).begin());
    changing = changing.subspan(values.size());
  }
}

}  // namespace cxrnet
