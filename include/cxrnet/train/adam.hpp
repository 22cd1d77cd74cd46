#pragma once
#include <cxrnet/train/optimizer.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

/// Adam (Kingma and Ba 2015) as Keras has it: the rate is lr sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon stands
/// outside the square root, uncorrected. See OptimizerContract.
struct Adam {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0;
  Decays decays = Decays::all;

  static constexpr std::string_view name = "adam";
  /// The two moments.
  static constexpr std::size_t state_per_parameter = 2;

  template <class Scalar>
  void step(const UpdateRates& rates, std::span<Scalar> parameters, std::span<const Scalar> gradients,
            std::span<Scalar> state) const {
    const auto t = static_cast<double>(rates.step);
    const double corrected = rates.learning_rate * std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t));
    const auto rate = static_cast<Scalar>(corrected);
    const auto b1 = static_cast<Scalar>(1 - beta_1);
    const auto b2 = static_cast<Scalar>(1 - beta_2);
    const auto eps = static_cast<Scalar>(epsilon);
    const auto decay = static_cast<Scalar>(rates.weight_decay * rates.learning_rate);
    const std::span<Scalar> m = state.first(parameters.size());
    const std::span<Scalar> v = state.subspan(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Scalar g = gradients[i];
      m[i] += (g - m[i]) * b1;
      v[i] += (g * g - v[i]) * b2;
      parameters[i] -= parameters[i] * decay;
      parameters[i] -= rate * m[i] / (std::sqrt(v[i]) + eps);
    }
  }
};

/// Adam with weight decay (Loshchilov and Hutter 2019), Keras's AdamW: Adam with another default.
struct AdamW : Adam {
  static constexpr std::string_view name = "adamw";
  static constexpr double default_weight_decay = 0.004;
  AdamW() { weight_decay = default_weight_decay; }
  explicit AdamW(Adam adam) : Adam(adam) {}
};

}  // namespace cxrnet
