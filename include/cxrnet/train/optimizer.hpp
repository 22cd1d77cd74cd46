#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/op/update.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cxrnet {

/// Which parameters weight decay acts on: all that train, as in Keras; or kernels alone, since decayed biases and
/// batch normalisation only lose accuracy (He et al. 2019, "Bag of tricks").
enum class Decays { all, kernels };

/// What an optimiser is told of one update besides its numbers.
struct UpdateRates {
  std::uint64_t step = 1;    ///< counts from 1
  double learning_rate = 0;  ///< that of now, times the group's factor
  double weight_decay = 0;   ///< 0 where it does not act on these parameters
};

/// What an optimiser keeps of some parameters: `count` runs of as many numbers as they are.
template <class Scalar, std::size_t count>
using OptimizerState = std::array<std::span<Scalar>, count>;

/// What every optimiser states. It is a small object of options; the trainer owns the numbers it keeps.
///
///   static constexpr std::string_view name;                Keras's name for it: "adam"
///   static constexpr std::size_t state_per_parameter;      numbers kept for each parameter, zero at the start
///   double learning_rate;
///   double weight_decay;                                   decoupled: p -= p * weight_decay * learning rate, first
///   Decays decays;
///   void check() const;                                    ArgumentError where other options make no sense
///   template <class Scalar>
///   void step(const UpdateRates&, std::span<Scalar> parameters, std::span<const Scalar> gradients,
///             const OptimizerState<Scalar, state_per_parameter>& state) const;
///   op::Update update(const UpdateRates&) const;           optional: what `step` does, for a backend that does it. Its rule keeps
///                                                          as many numbers as state_per_parameter says
///
/// `step` updates each parameter by itself, since it is given blocks of them, from several threads at once. It takes
/// the learning rate and the weight decay of now from UpdateRates, not from its members.
template <class O>
concept OptimizerContract =
    requires(const O& optimizer, O& mine, std::span<float> values, std::span<const float> gradients,
             const OptimizerState<float, O::state_per_parameter>& state, UpdateRates rates) {
      { O::name } -> std::convertible_to<std::string_view>;
      { mine.learning_rate } -> std::same_as<double&>;
      { optimizer.weight_decay } -> std::convertible_to<double>;
      { optimizer.decays } -> std::convertible_to<Decays>;
      optimizer.check();
      optimizer.step(rates, values, gradients, state);
    };

/// ArgumentError where an optimiser's options make no sense.
template <OptimizerContract Optimizer>
void check_optimizer(const Optimizer& optimizer) {
  for (const double option : {optimizer.learning_rate, optimizer.weight_decay}) {
    if (!std::isfinite(option) || option < 0) {
      throw ArgumentError("An optimizer's learning rate and weight decay are finite and not below 0.");
    }
  }
  optimizer.check();
}

/// The weight decay of one parameter.
template <OptimizerContract Optimizer>
constexpr double weight_decay_of(const Optimizer& optimizer, const Parameter& parameter) {
  return optimizer.decays == Decays::all || parameter.role == "kernel" ? optimizer.weight_decay : 0;
}

}  // namespace cxrnet
