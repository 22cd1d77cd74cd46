#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cxrnet {

/// A two-sided 95 % confidence interval.
struct Interval {
  double low = 0.0;
  double high = 1.0;
};

/// The standard normal's 0.975 quantile: what makes an interval a 95 % one.
inline constexpr double normal_quantile_975 = 1.959963984540054;

/// Wilson's score interval of a proportion (Wilson 1927). No trials say nothing: [0, 1].
[[nodiscard]] inline Interval wilson_interval(std::size_t successes, std::size_t trials) {
  if (trials == 0) return {0.0, 1.0};
  const double n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double z2 = normal_quantile_975 * normal_quantile_975;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = normal_quantile_975 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {.low = successes == 0 ? 0.0 : std::max(0.0, centre - half),
          .high = successes == trials ? 1.0 : std::min(1.0, centre + half)};
}

}  // namespace cxrnet
