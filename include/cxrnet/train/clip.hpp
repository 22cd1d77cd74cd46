#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/packs.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/op/update.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

namespace cxrnet {

using op::ClipBy;

/// Gradient clipping, before the optimiser. The statistics that moving averages take are never clipped.
struct Clip {
  ClipBy by = ClipBy::nothing;
  double limit = 1;

  /// ArgumentError for a limit that is not above 0.
  void check() const {
    if (by != ClipBy::nothing && !(limit > 0)) throw ArgumentError("Gradients are clipped to a limit above 0.");
  }

  /// Clips what lies at ParameterInfo::gradient for each parameter that trains.
  template <class Scalar>
  void apply(std::span<const ParameterInfo> parameters, std::span<Scalar> gradients) const {
    if (by == ClipBy::nothing) return;
    const auto each = [&](auto act) {
      for (const ParameterInfo& info : parameters) {
        if (info.trains) act(gradients.subspan(info.gradient, info.parameter.size()));
      }
    };
    if (by == ClipBy::value) {
      const auto most = static_cast<Scalar>(limit);
      each([most](std::span<Scalar> part) {
        change(part, [most]<class Pack>(const Pack& g) {
          const Pack low = Pack{} - most, high = Pack{} + most;
          return g < low ? low : g > high ? high : g;
        });
      });
    } else if (by == ClipBy::norm) {
      each([this](std::span<Scalar> part) { scale(part, sum_of_squares<Scalar>(part)); });
    } else {
      double squares = 0;
      each([&squares](std::span<Scalar> part) { squares += sum_of_squares<Scalar>(part); });
      each([this, &squares](std::span<Scalar> part) { scale(part, squares); });
    }
  }

  /// In double and always in the same order: eight sums side by side, for speed.
  template <class Scalar>
  static double sum_of_squares(std::span<const Scalar> numbers) {
    std::array<double, 8> sums{};
    for (std::size_t i = 0; i < numbers.size(); i += sums.size()) {
      for (std::size_t k = 0; k < std::min(sums.size(), numbers.size() - i); ++k) {
        const auto x = static_cast<double>(numbers[i + k]);
        sums[k] += x * x;
      }
    }
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  }

 private:
  /// Brings a norm, the square root of `squares`, down to the limit.
  template <class Scalar>
  void scale(std::span<Scalar> numbers, double squares) const {
    const double norm = std::sqrt(squares);
    if (!(norm > limit)) return;
    const auto factor = static_cast<Scalar>(limit / norm);
    change(numbers, [factor](const auto& g) { return g * factor; });
  }

  template <class Scalar, class Change>
  static void change(std::span<Scalar> numbers, Change to) {
    parallel_for(numbers.size(), parallel_grain, [&](std::size_t first, std::size_t last) {
      for_packs<Scalar>(last - first, [&]<class Pack>(Pack, std::size_t i) {
        store_pack<Pack>(to(load_pack<Pack>(&numbers[first + i])), &numbers[first + i]);
      });
    });
  }
};

}  // namespace cxrnet
