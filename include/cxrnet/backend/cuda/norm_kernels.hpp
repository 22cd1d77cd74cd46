#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>
#include <cxrnet/backend/cuda/sum_kernels.hpp>

#include <cmath>
#include <cstdint>

// Kernels of batch normalisation over maps, and of a bias by itself, which is one that does not normalise.
namespace cxrnet::cuda {

/// Mean and (biased) variance of each channel, out of ChannelSums of x alone.
template <class T>
struct Moments {
  Maps maps;
  ChunkSums parts;
  const StepSettings* settings;
  const T* x;  ///< whose first place the sums are from
  float* mean;
  float* variance;

  [[nodiscard]] std::int64_t blocks() const { return parts.blocks(); }
  [[nodiscard]] CXRNET_BOTH int phases() const { return 2; }
  CXRNET_BOTH void operator()(std::int64_t block, int phase, int lane) const {
    if (phase == 0) return parts.gather(block, lane);
    const std::int64_t channel = block * ChunkSums::width + lane;
    if (lane >= ChunkSums::width || channel >= parts.channels) return;
    const auto count = static_cast<double>(places_there(maps, *settings));
    const double shift = parts.total(0, channel) / count, spread = parts.total(1, channel) / count - shift * shift;
    mean[channel] = static_cast<float>(to_float(x[channel]) + shift);
    variance[channel] = static_cast<float>(spread < 0 ? 0 : spread);
  }
  template <class Visit>
  void operands(Visit visit) const {
    parts.operands(visit);
    reads(visit, settings, 1);
    reads(visit, x, maps.channels);
    writes(visit, mean, maps.channels);
    writes(visit, variance, maps.channels);
  }
};

/// Out of ChannelSums of x and dy: the gradients of gamma and beta, times `settings->back`, and the means over all places of dy
/// and of dy times the normalised x, which the gradient of x takes where mean and variance are functions of it.
struct NormGradients {
  Maps maps;
  ChunkSums parts;
  double epsilon;
  const StepSettings* settings;
  const float* variance;  ///< null: it does not normalise
  float* gamma;           ///< null: not wanted
  float* beta;            ///< null: not wanted
  float* means;

  [[nodiscard]] std::int64_t blocks() const { return parts.blocks(); }
  [[nodiscard]] CXRNET_BOTH int phases() const { return 2; }
  CXRNET_BOTH void operator()(std::int64_t block, int phase, int lane) const {
    if (phase == 0) return parts.gather(block, lane);
    const std::int64_t channel = block * ChunkSums::width + lane;
    if (lane >= ChunkSums::width || channel >= parts.channels) return;
    const auto count = static_cast<double>(places_there(maps, *settings));
    const double inverse = variance == nullptr ? 1.0 : 1 / sqrt(static_cast<double>(variance[channel]) + epsilon);
    const double sum = parts.total(0, channel), weighted = parts.total(1, channel) * inverse;
    if (gamma != nullptr) gamma[channel] = static_cast<float>(weighted * settings->back);
    if (beta != nullptr) beta[channel] = static_cast<float>(sum * settings->back);
    means[channel] = static_cast<float>(sum / count);
    means[maps.channels + channel] = static_cast<float>(weighted / count);
  }
  template <class Visit>
  void operands(Visit visit) const {
    parts.operands(visit);
    reads(visit, settings, 1);
    if (variance != nullptr) reads(visit, variance, maps.channels);
    for (float* gradient : {gamma, beta}) {
      if (gradient != nullptr) writes(visit, gradient, maps.channels);
    }
    writes(visit, means, 2 * maps.channels);
  }
};

/// Indices of kernels that go over maps: `lanes` channels each, of a few places that are far apart, so that what a channel needs
/// is computed once for all of them.
template <int lanes>
struct Strips {
  static constexpr int places = 4;  ///< of an index

  CXRNET_BOTH static std::int64_t of(const Maps& maps) { return (maps.pixels() + places - 1) / places; }
  CXRNET_BOTH static std::int64_t count(const Maps& maps) { return of(maps) * (maps.stride / lanes); }
};

/// [ReLU of] gamma (x - mean) / sqrt(variance + epsilon) + beta for each channel; with gamma null x + beta. With `settings`
/// images that are not there become zeros.
template <class T, int lanes>
struct BatchNorm {
  Maps maps;
  float epsilon;
  bool relu;
  const StepSettings* settings;
  const T* x;
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* variance;
  T* y;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return Strips<lanes>::count(maps); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int packs = maps.stride / lanes, pack = static_cast<int>(i % packs);
    float scale[lanes], centre[lanes], shift[lanes];
    for (int k = 0; k < lanes; ++k) {
      const int channel = pack * lanes + k;
      scale[k] = centre[k] = shift[k] = 0;
      if (channel >= maps.channels) continue;
      scale[k] = gamma == nullptr ? 1.0F : gamma[channel] / sqrtf(variance[channel] + epsilon);
      centre[k] = gamma == nullptr ? 0.0F : mean[channel];
      shift[k] = beta[channel];
    }
    const std::int64_t there = settings == nullptr ? maps.pixels() : places_there(maps, *settings);
    for (std::int64_t row = i / packs; row < maps.pixels(); row += Strips<lanes>::of(maps)) {
      const Pack<T, lanes> here = reinterpret_cast<const Pack<T, lanes>*>(x)[row * packs + pack];
      Pack<T, lanes> made;
      for (int k = 0; k < lanes; ++k) {
        const float value = (to_float(here.at[k]) - centre[k]) * scale[k] + shift[k];
        made.at[k] = number<T>(row >= there || (relu && value < 0) ? 0.0F : value);
      }
      reinterpret_cast<Pack<T, lanes>*>(y)[row * packs + pack] = made;
    }
  }
  template <class Visit>
  void operands(Visit visit) const {
    if (settings != nullptr) reads(visit, settings, 1);
    reads(visit, x, maps.numbers());
    for (const float* numbers : {gamma, beta, mean, variance}) {
      if (numbers != nullptr) reads(visit, numbers, maps.channels);
    }
    writes(visit, y, maps.numbers());
  }
};

/// dx = gamma / sqrt(variance + epsilon) (dy - m0 - (x - mean) / sqrt(variance + epsilon) m1), 0 for images that are not there;
/// m0 and m1 are the `means` of NormGradients, 0 where null. With `relu`, x is a ReLU's output and what it held back gets none.
template <class T, int lanes>
struct BatchNormBackward {
  Maps maps;
  float epsilon;
  bool relu;
  const StepSettings* settings;
  const T* x;
  const T* dy;
  const float* gamma;
  const float* mean;
  const float* variance;
  const float* means;
  T* dx;

  [[nodiscard]] CXRNET_BOTH std::int64_t count() const { return Strips<lanes>::count(maps); }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    const int packs = maps.stride / lanes, pack = static_cast<int>(i % packs);
    float scale[lanes], centre[lanes], shift[lanes], slope[lanes];
    for (int k = 0; k < lanes; ++k) {
      const int channel = pack * lanes + k;
      scale[k] = centre[k] = shift[k] = slope[k] = 0;
      if (channel >= maps.channels) continue;
      const float inverse = 1 / sqrtf(variance[channel] + epsilon);
      scale[k] = gamma[channel] * inverse;
      if (means == nullptr) continue;
      centre[k] = mean[channel];
      shift[k] = means[channel];
      slope[k] = means[maps.channels + channel] * inverse;
    }
    const std::int64_t there = places_there(maps, *settings);
    for (std::int64_t row = i / packs; row < maps.pixels(); row += Strips<lanes>::of(maps)) {
      const std::int64_t at = row * packs + pack;
      const Pack<T, lanes> here = reinterpret_cast<const Pack<T, lanes>*>(x)[at];
      const Pack<T, lanes> gradient = reinterpret_cast<const Pack<T, lanes>*>(dy)[at];
      Pack<T, lanes> made;
      for (int k = 0; k < lanes; ++k) {
        const float value = to_float(here.at[k]);
        const float given = scale[k] * (to_float(gradient.at[k]) - shift[k] - (value - centre[k]) * slope[k]);
        made.at[k] = number<T>(row >= there || (relu && !(value > 0)) ? 0.0F : given);
      }
      reinterpret_cast<Pack<T, lanes>*>(dx)[at] = made;
    }
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, settings, 1);
    for (const T* numbers : {x, dy}) reads(visit, numbers, maps.numbers());
    for (const float* numbers : {gamma, mean, variance}) reads(visit, numbers, maps.channels);
    if (means != nullptr) reads(visit, means, 2 * maps.channels);
    writes(visit, dx, maps.numbers());
  }
};

}  // namespace cxrnet::cuda
