#pragma once
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace cxrnet::test {

/// Numbers in [low, high), always the same for a seed.
template <class T>
std::vector<T> random_values(std::size_t count, std::uint64_t seed, double low = -1, double high = 1) {
  RandomStream stream(seed, RandomUse::weights, 7, 7);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(stream.uniform(low, high));
  return values;
}

template <class To, class From>
std::vector<To> as(std::span<const From> values) {
  std::vector<To> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), [](From x) { return static_cast<To>(x); });
  return result;
}
template <class To, class From>
std::vector<To> as(const std::vector<From>& values) {
  return as<To>(std::span<const From>(values));
}

/// The largest difference, relative to the largest magnitude of `truth` (or 1e-3 where that is smaller).
template <class A, class B>
double relative_error(const A& values, const B& truth) {
  double scale = 1e-3;
  double worst = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    scale = std::max(scale, std::abs(static_cast<double>(truth[i])));
    const double difference = std::abs(static_cast<double>(values[i]) - static_cast<double>(truth[i]));
    if (!std::isfinite(difference)) return 1e30;
    worst = std::max(worst, difference);
  }
  return values.size() == truth.size() ? worst / scale : 1e30;
}

/// What lies behind the cut of a network, as a trainer runs it, in the backend's own numbers.
template <class Net, class Backend>
class Head {
 public:
  using T = Traits<Net>;
  using scalar = typename Backend::scalar;
  using Lowering = Lowered<Net, Backend, Mode::training>;

  Head(std::vector<scalar> parameters, int capacity)
      : values(std::move(parameters)),
        program_(Lowering::head, capacity, values.data()),
        arena_(Lowering::head_plan.bytes * static_cast<std::size_t>(capacity)),
        workspace_(program_.workspace_bytes()),
        context(program_, arena_.data(), workspace_.data()) {
    context.dropout = {11, 3};
  }

  std::vector<scalar> forward(const std::vector<scalar>& features) {
    n_ = static_cast<int>(features.size() / T::features.size());
    std::vector<scalar> output(static_cast<std::size_t>(n_) * T::output.size());
    program_.forward(context, features.data(), n_, output.data());
    return output;
  }
  /// Gradients of sum(seed * output) with respect to what trains, and batch statistics, after forward.
  std::vector<scalar> backward(const std::vector<scalar>& seed) {
    std::vector<scalar> gradients(T::gradient_count, scalar{77});
    program_.backward(context, n_, seed.data(), gradients.data());
    return gradients;
  }

  std::vector<scalar> values;  ///< the parameters, which the program reads

 private:
  typename Backend::Program program_;
  AlignedBytes arena_;
  AlignedBytes workspace_;
  int n_ = 0;

 public:
  typename Backend::Program::Context context;
};

/// Adds a parameter of the shape of its input, whose gradient is thereby that of the input of what comes behind.
struct Probe : CustomLayer<Probe> {
  static constexpr std::string_view kind = "probe";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr auto parameters(Dims in) {
    return std::array{Parameter{"shift", 3, {in.height, in.width, in.channels, 1}, Init::zeros}};
  }
  template <class T>
  static void forward(Dims in, int n, const T* x, const T* const* parameters, T* y) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) y[i] = x[i] + parameters[0][i % in.size()];
  }
  template <class T>
  static void backward(Dims in, int n, const T*, const T*, const T* dy, const T* const*, T* dx, T* const* gradients) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) {
      if (dx != nullptr) dx[i] = dy[i];
      if (gradients != nullptr) gradients[0][i % in.size()] += dy[i];
    }
  }
};

/// x times a factor for each channel: a user's layer whose gradient needs what went in.
struct Scale : CustomLayer<Scale> {
  static constexpr std::string_view kind = "scale";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr auto parameters(Dims in) {
    return std::array{Parameter{"factor", 1, {in.channels, 1, 1, 1}, Init::ones}};
  }
  template <class T>
  static void forward(Dims in, int n, const T* x, const T* const* parameters, T* y) {
    const auto channels = static_cast<std::size_t>(in.channels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) y[i] = x[i] * parameters[0][i % channels];
  }
  template <class T>
  static void backward(Dims in, int n, const T* x, const T*, const T* dy, const T* const* parameters, T* dx,
                       T* const* gradients) {
    const auto channels = static_cast<std::size_t>(in.channels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) {
      if (dx != nullptr) dx[i] = dy[i] * parameters[0][i % channels];
      if (gradients != nullptr) gradients[0][i % channels] += dy[i] * x[i];
    }
  }
};

/// How far analytic gradients are from central differences, for every parameter that trains; relative to the largest.
/// In double on `n` random samples; dropout draws the same each time.
template <class Net, class Backend = Reference<double>>
double gradient_error(int n = 3, std::uint64_t seed = 1) {
  using T = Traits<Net>;
  Head<Net, Backend> head(random_values<double>(T::parameter_count, seed), n);
  for (const ParameterInfo& info : T::parameters) {
    if (info.parameter.update == Update::gradient) continue;
    for (std::size_t k = 0; k < info.parameter.size(); ++k) head.values[info.offset + k] += 1.5;  // a variance is positive
  }
  const auto features = random_values<double>(static_cast<std::size_t>(n) * T::features.size(), seed + 1);
  const auto weights = random_values<double>(static_cast<std::size_t>(n) * T::output.size(), seed + 2);
  head.forward(features);
  const auto analytic = head.backward(weights);
  const auto objective = [&] {
    const auto output = head.forward(features);
    double sum = 0;
    for (std::size_t i = 0; i < output.size(); ++i) sum += output[i] * weights[i];
    return sum;
  };
  std::vector<double> numeric(analytic);
  constexpr double step = 1e-6;
  for (const ParameterInfo& info : T::parameters) {
    for (std::size_t k = 0; info.trains && k < info.parameter.size(); ++k) {
      double& parameter = head.values[info.offset + k];
      const double kept = parameter;
      parameter = kept + step;
      const double above = objective();
      parameter = kept - step;
      numeric[info.gradient + k] = (above - objective()) / (2 * step);
      parameter = kept;
    }
  }
  return relative_error(analytic, numeric);
}

}  // namespace cxrnet::test
