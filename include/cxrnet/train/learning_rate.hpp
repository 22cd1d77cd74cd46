#pragma once
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <numbers>

namespace cxrnet {

// Learning rates by step: pure functions of the number of steps made before, so that a run that goes on needs nothing
// but that number. The formulas are Keras's (keras.optimizers.schedules). ArgumentError for a length of 0 steps.

template <class S>
concept RateSchedule = requires(const S& schedule, std::uint64_t step) {
  { schedule(step) } -> std::convertible_to<double>;
};

namespace detail {

inline std::uint64_t length(std::uint64_t steps) {
  if (steps < 1) throw ArgumentError("A learning rate's schedule takes 1 step or more.");
  return steps;
}

}  // namespace detail

struct ConstantRate {
  double rate = 0.001;
  double operator()(std::uint64_t /*step*/) const { return rate; }
};

/// initial * factor^(step / detail::length(every)), smoothly: Keras's ExponentialDecay.
struct ExponentialDecay {
  double initial = 0.001;
  std::uint64_t every = 1;
  double factor = 0.9;
  double operator()(std::uint64_t step) const {
    return initial * std::pow(factor, static_cast<double>(step) / static_cast<double>(detail::length(every)));
  }
};

/// initial * factor^(whole part of step / every): Keras's ExponentialDecay in a staircase.
struct StepDecay {
  double initial = 0.001;
  std::uint64_t every = 1;
  double factor = 0.1;
  double operator()(std::uint64_t step) const {
    return initial * std::pow(factor, static_cast<double>(step / detail::length(every)));
  }
};

/// From initial down to alpha * initial over half a cosine of so many steps (Loshchilov and Hutter 2017), and no
/// further: Keras's CosineDecay.
struct CosineDecay {
  double initial = 0.001;
  std::uint64_t steps = 1;
  double alpha = 0;
  double operator()(std::uint64_t step) const {
    const double part = static_cast<double>(std::min(step, steps)) / static_cast<double>(detail::length(steps));
    return initial * ((1 - alpha) * 0.5 * (1 + std::cos(std::numbers::pi * part)) + alpha);
  }
};

/// From `from` in a straight line to where `then` starts, over so many steps; `then` counts from there. Keras's
/// CosineDecay(a, n, alpha, warmup_target=b, warmup_steps=w) is Warmup<CosineDecay>{a, w, {b, n, alpha}}.
template <RateSchedule Then>
struct Warmup {
  double from = 0;
  std::uint64_t steps = 1;
  Then then;
  double operator()(std::uint64_t step) const {
    if (step >= detail::length(steps)) return then(step - steps);
    return from + (then(0) - from) * static_cast<double>(step) / static_cast<double>(steps);
  }
};

}  // namespace cxrnet
