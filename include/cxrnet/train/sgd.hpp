#pragma once
#include <cxrnet/train/optimizer.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

enum class Nesterov { no, yes };

/// Stochastic gradient descent as Keras has it: velocity = momentum * velocity - rate * g, and the parameter goes by the
/// velocity, or by momentum * velocity - rate * g where Nesterov looks ahead. See OptimizerContract.
struct Sgd {
  double learning_rate = 0.01;
  double momentum = 0;
  Nesterov nesterov = Nesterov::no;
  double weight_decay = 0;
  Decays decays = Decays::all;

  static constexpr std::string_view name = "sgd";
  /// The velocity; zero without momentum.
  static constexpr std::size_t state_per_parameter = 1;

  template <class Scalar>
  void step(const UpdateRates& rates, std::span<Scalar> parameters, std::span<const Scalar> gradients,
            std::span<Scalar> state) const {
    const auto rate = static_cast<Scalar>(rates.learning_rate);
    const auto kept = static_cast<Scalar>(momentum);
    const auto decay = static_cast<Scalar>(rates.weight_decay * rates.learning_rate);
    const bool ahead = nesterov == Nesterov::yes;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Scalar down = rate * gradients[i];
      const Scalar velocity = kept * state[i] - down;
      state[i] = velocity;
      parameters[i] -= parameters[i] * decay;
      parameters[i] += ahead ? kept * velocity - down : velocity;
    }
  }
};

}  // namespace cxrnet
