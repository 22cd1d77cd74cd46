#pragma once
#include <cstddef>

namespace cxrnet::op {

/// How a step changes a parameter. A new one is one enumerator here and one case in each backend that updates.
enum class Rule { adam, sgd, average };

/// One update of a parameter's numbers p by their gradients g, as a backend is asked for it: first p -= p * decay; then
///   adam  m += (g - m) * first, v += (g * g - v) * second, p -= rate * m / (sqrt(v) + epsilon)
///   sgd   m = m * first - g * rate, p += m, or with `ahead` p += m * first - g * rate
/// with the optimiser's state m and v in that order. A moving average takes g, the batch's statistic, as it is:
///   average  p = p * first + g * (1 - first)
struct Update {
  Rule rule = Rule::adam;
  float rate = 0;
  float decay = 0;
  float first = 0;
  float second = 0;
  float epsilon = 0;
  bool ahead = false;
};

/// Numbers that a rule keeps of each parameter, zero at the start.
constexpr std::size_t state_per_parameter(Rule rule) { return rule == Rule::adam ? 2 : rule == Rule::sgd ? 1 : 0; }

/// What is held within a limit before an update: nothing; each element of the gradients (Keras's clipvalue); the norm of each
/// parameter's gradient (clipnorm); or the norm of all of them together (global_clipnorm).
enum class ClipBy { nothing, value, norm, global_norm };

}  // namespace cxrnet::op
