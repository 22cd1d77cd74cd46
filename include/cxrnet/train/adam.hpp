#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/packs.hpp>
#include <cxrnet/core/real.hpp>
#include <cxrnet/core/text.hpp>
#include <cxrnet/train/optimizer.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

/// Adam (Kingma and Ba 2015) as Keras has it: the rate is lr sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon stands
/// outside the square root, uncorrected. See OptimizerContract.
template <FixedString name_, Real default_weight_decay>
struct BasicAdam {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = default_weight_decay.value();
  Decays decays = Decays::all;

  static constexpr std::string_view name = name_.view();
  /// The two moments.
  static constexpr std::size_t state_per_parameter = 2;

  void check() const {
    const bool betas = beta_1 >= 0 && beta_1 < 1 && beta_2 >= 0 && beta_2 < 1;
    if (!betas || !(epsilon > 0)) throw ArgumentError("Adam's betas are from 0 to below 1, and its epsilon is above 0.");
  }

  template <class Scalar>
  void step(const UpdateRates& rates, std::span<Scalar> parameters, std::span<const Scalar> gradients,
            const OptimizerState<Scalar, state_per_parameter>& state) const {
    const auto rate = static_cast<Scalar>(corrected_rate(rates));
    const auto b1 = static_cast<Scalar>(1 - beta_1);
    const auto b2 = static_cast<Scalar>(1 - beta_2);
    const auto eps = static_cast<Scalar>(epsilon);
    const auto decay = static_cast<Scalar>(rates.weight_decay * rates.learning_rate);
    for_packs<Scalar>(parameters.size(), [&]<class Pack>(Pack, std::size_t i) {
      const auto g = load_pack<Pack>(&gradients[i]);
      auto m = load_pack<Pack>(&state[0][i]);
      auto v = load_pack<Pack>(&state[1][i]);
      auto p = load_pack<Pack>(&parameters[i]);
      m += (g - m) * b1;
      v += (g * g - v) * b2;
      p -= p * decay;
      p -= rate * m / (sqrt_of(v) + eps);
      store_pack(m, &state[0][i]);
      store_pack(v, &state[1][i]);
      store_pack(p, &parameters[i]);
    });
  }

  [[nodiscard]] op::Update update(const UpdateRates& rates) const {
    return {.rule = op::Rule::adam,
            .rate = static_cast<float>(corrected_rate(rates)),
            .decay = static_cast<float>(rates.weight_decay * rates.learning_rate),
            .first = static_cast<float>(1 - beta_1),
            .second = static_cast<float>(1 - beta_2),
            .epsilon = static_cast<float>(epsilon)};
  }

 private:
  [[nodiscard]] double corrected_rate(const UpdateRates& rates) const {
    const auto t = static_cast<double>(rates.step);
    return rates.learning_rate * std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t));
  }
};

using Adam = BasicAdam<"adam", 0>;
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), and Keras's default for it.
using AdamW = BasicAdam<"adamw", 0.004>;

}  // namespace cxrnet
