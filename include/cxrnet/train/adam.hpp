#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cxrnet {

/// Adam (Kingma and Ba 2015) as Keras has it: the rate is lr sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon stands
/// outside the square root, uncorrected.
struct Adam {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;

  static constexpr std::string_view name = "adam";
  /// Numbers kept for each parameter: the two moments.
  static constexpr std::size_t state_per_parameter = 2;

  /// One step, the t-th (from 1), on parameters that lie together; `state` holds both moments, one behind the other.
  template <class Scalar>
  void step(std::uint64_t t, std::span<Scalar> parameters, std::span<const Scalar> gradients,
            std::span<Scalar> state) const {
    const double corrected = learning_rate * std::sqrt(1 - std::pow(beta_2, static_cast<double>(t))) /
                             (1 - std::pow(beta_1, static_cast<double>(t)));
    const auto rate = static_cast<Scalar>(corrected);
    const auto b1 = static_cast<Scalar>(1 - beta_1);
    const auto b2 = static_cast<Scalar>(1 - beta_2);
    const auto eps = static_cast<Scalar>(epsilon);
    const std::span<Scalar> m = state.first(parameters.size());
    const std::span<Scalar> v = state.subspan(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Scalar g = gradients[i];
      m[i] += (g - m[i]) * b1;
      v[i] += (g * g - v[i]) * b2;
      parameters[i] -= rate * m[i] / (std::sqrt(v[i]) + eps);
    }
  }
};

}  // namespace cxrnet
