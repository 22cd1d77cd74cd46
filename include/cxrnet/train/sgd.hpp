#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/packs.hpp>
#include <cxrnet/train/optimizer.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

enum class Nesterov { no, yes };

/// Stochastic gradient descent as Keras has it: velocity = momentum * velocity - rate * g, and the parameter goes by
/// the velocity, or by momentum * velocity - rate * g where Nesterov looks ahead. See OptimizerContract.
struct Sgd {
  double learning_rate = 0.01;
  double momentum = 0;
  Nesterov nesterov = Nesterov::no;
  double weight_decay = 0;
  Decays decays = Decays::all;

  static constexpr std::string_view name = "sgd";
  /// The velocity; zero without momentum.
  static constexpr std::size_t state_per_parameter = 1;

  void check() const {
    if (!(momentum >= 0 && momentum < 1)) throw ArgumentError("A momentum is from 0 to below 1.");
  }

  template <class Scalar>
  void step(const UpdateRates& rates, std::span<Scalar> parameters, std::span<const Scalar> gradients,
            const OptimizerState<Scalar, state_per_parameter>& state) const {
    const auto rate = static_cast<Scalar>(rates.learning_rate);
    const auto kept = static_cast<Scalar>(momentum);
    const auto decay = static_cast<Scalar>(rates.weight_decay * rates.learning_rate);
    const bool ahead = nesterov == Nesterov::yes;
    for_packs<Scalar>(parameters.size(), [&]<class Pack>(Pack, std::size_t i) {
      const Pack down = load_pack<Pack>(&gradients[i]) * rate;
      const Pack velocity = load_pack<Pack>(&state[0][i]) * kept - down;
      auto p = load_pack<Pack>(&parameters[i]);
      p -= p * decay;
      p += ahead ? velocity * kept - down : velocity;
      store_pack(velocity, &state[0][i]);
      store_pack(p, &parameters[i]);
    });
  }

  [[nodiscard]] op::Update update(const UpdateRates& rates) const {
    return {.rule = op::Rule::sgd,
            .rate = static_cast<float>(rates.learning_rate),
            .decay = static_cast<float>(rates.weight_decay * rates.learning_rate),
            .first = static_cast<float>(momentum),
            .ahead = nesterov == Nesterov::yes};
  }
};

}  // namespace cxrnet
