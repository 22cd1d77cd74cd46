#pragma once
#include <cxrnet/core/parameter.hpp>
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

/// What has to be done: floating-point operations (`op::flops`' count), and bytes that memory has to give or take.
struct Work {
  double flops = 0;
  double bytes = 0;

  constexpr Work& operator+=(const Work& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
  friend constexpr bool operator==(const Work&, const Work&) = default;
};

/// Bytes of the parameters that an operation reads, in float.
constexpr double parameter_bytes(const op::Operation& o, std::span<const ParameterInfo> parameters) {
  std::size_t count = 0;
  const auto add = [&](int number) { count += number < 0 ? 0 : parameters[static_cast<std::size_t>(number)].parameter.size(); };
  add(o.kernel);
  add(o.bias);
  for (int k = 0; k < o.parameter_count; ++k) add(o.first_parameter + k);
  return static_cast<double>(count * sizeof(float));
}

/// An operation on n images as it is stated: a convolution directly, each input, output and parameter moved once, but for what
/// operations that run along with each other give and read.
constexpr Work stated_work(const op::Operation& o, std::span<const ParameterInfo> parameters, int n) {
  const double map = static_cast<double>(sizeof(float)) * n;
  const double read = o.continues ? 0 : o.input_count() * static_cast<double>(o.in.size());
  const double written = o.chained ? 0 : static_cast<double>(o.out.size());
  return {n * op::flops(o), map * (read + written) + parameter_bytes(o, parameters)};
}

/// The same as the algorithm of that name (`Algorithm::name`) does it. Winograd's F(m x m, 3 x 3) multiplies (m + 2)^2
/// numbers in place of 9 m^2, of whole tiles, and reads (m + 2)^2 weights in place of 9; of our own ("winograd_4x3") the
/// transforms of tiles are counted too, and the channels that fill its panels. What stays in caches is not.
constexpr Work done_work(const op::Operation& o, std::span<const ParameterInfo> parameters, int n, std::string_view algorithm) {
  Work work = stated_work(o, parameters, n);
  const bool own = algorithm.starts_with("winograd_4x3");
  const int tile = own || algorithm.find("wino_4x3") != std::string_view::npos ? 4
                   : algorithm.find("wino_2x3") != std::string_view::npos ? 2
                                                                          : 0;
  if (o.kind != op::Kind::convolution || tile == 0) return work;
  const Dims map = op::before_pool(o);
  const double tiles = static_cast<double>((map.height + tile - 1) / tile) * ((map.width + tile - 1) / tile) * n;
  const double points = (tile + 2) * (tile + 2);
  const double out = own ? (o.out.channels + 31) / 32 * 32 : o.out.channels;
  work.flops = tiles * 2 * points * o.in.channels * out;
  // B^T d B is 12 rows and columns of 20 operations, A^T m A 10 of 16.
  if (own) work.flops += tiles * (12 * 20 * o.in.channels + 10 * 16 * o.out.channels);
  work.bytes += sizeof(float) * o.in.channels * (points * out - 9.0 * o.out.channels);
  return work;
}

/// What a machine can do at most (Williams, Waterman and Patterson 2009).
struct Roofline {
  double flops = 1;  ///< a second
  double bytes = 1;  ///< a second

  /// The least seconds that the work takes, arithmetic and memory overlapping.
  [[nodiscard]] constexpr double seconds(const Work& work) const {
    return std::max(work.flops / flops, work.bytes / bytes);
  }
  /// Where the roof bends: below this many operations for each byte, memory is the limit.
  [[nodiscard]] constexpr double ridge() const { return flops / bytes; }
};

}  // namespace cxrnet
