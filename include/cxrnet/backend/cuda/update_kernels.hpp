#pragma once
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/cuda/step_settings.hpp>
#include <cxrnet/op/update.hpp>

#include <cmath>
#include <cstdint>

// Kernels of an optimiser, over all parameters that change: their gradients, of moving averages a batch's statistics, lie one
// parameter behind the other.
namespace cxrnet::cuda {

/// A part of one parameter's gradients, small enough for a block.
struct Chunk {
  std::int64_t first = 0, size = 0;
  int parameter = 0;
};

/// The sum of each chunk's squares, in double and always in the same order.
struct SquareSums {
  int chunk_count;
  const Chunk* chunks;
  const float* gradients;
  std::int64_t numbers;  ///< of all gradients
  double* lane_sums;     ///< block_lanes of each chunk
  double* sums;          ///< one of each chunk

  [[nodiscard]] std::int64_t blocks() const { return chunk_count; }
  [[nodiscard]] CXRNET_BOTH int phases() const { return 3; }
  CXRNET_BOTH void operator()(std::int64_t block, int phase, int lane) const {
    constexpr int few = 16;
    double* const mine = lane_sums + block * block_lanes;
    double sum = 0;
    if (phase == 0) {
      const Chunk chunk = chunks[block];
      for (std::int64_t i = lane; i < chunk.size; i += block_lanes) {
        const double g = gradients[chunk.first + i];
        sum += g * g;
      }
      mine[lane] = sum;
    } else if (phase == 1 && lane < few) {
      for (int k = lane; k < block_lanes; k += few) sum += mine[k];
      mine[lane] = sum;
    } else if (phase == 2 && lane == 0) {
      for (int k = 0; k < few; ++k) sum += mine[k];
      sums[block] = sum;
    }
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, chunks, chunk_count);
    reads(visit, gradients, numbers);
    writes(visit, lane_sums, static_cast<std::int64_t>(chunk_count) * block_lanes);
    writes(visit, sums, chunk_count);
  }
};

/// What a step found: whether the loss's gradient and all gradients were finite numbers.
struct Found {
  int finite_seed = 0, finite_gradients = 0;
};

/// Out of the chunks' sums: whether all is finite, and the factor of each parameter's gradients that clips their norm, of
/// which moving averages are no part.
struct Judge {
  int chunk_count, parameter_count;
  const Chunk* chunks;
  const double* sums;
  std::int64_t seed_numbers;
  const float* seed;
  const StepSettings* settings;
  const op::Update* updates;  ///< of each parameter
  double* lane_sums;  ///< block_lanes of the seed
  double* squares;    ///< of each parameter, and of all
  float* factors;   ///< of each parameter
  Found* found;

  [[nodiscard]] std::int64_t blocks() const { return 1; }
  [[nodiscard]] CXRNET_BOTH int phases() const { return 3; }
  CXRNET_BOTH void operator()(std::int64_t, int phase, int lane) const {
    double* const all = squares + parameter_count;
    if (phase == 0) {
      for (int p = lane; p < parameter_count; p += block_lanes) {
        double sum = 0;
        for (int k = 0; k < chunk_count; ++k) sum += chunks[k].parameter == p ? sums[k] : 0.0;
        squares[p] = sum;
      }
      double of_seed = 0;
      for (std::int64_t i = lane; i < seed_numbers; i += block_lanes) of_seed += static_cast<double>(seed[i]) * seed[i];
      lane_sums[lane] = of_seed;
    } else if (phase == 1 && lane == 0) {
      double sum = 0, averaged = 0, of_seed = 0;
      for (int k = 0; k < block_lanes && k < seed_numbers; ++k) of_seed += lane_sums[k];
      for (int p = 0; p < parameter_count; ++p) (updates[p].rule == op::Rule::average ? averaged : sum) += squares[p];
      *all = sum;
      found->finite_seed = is_finite(of_seed) ? 1 : 0;
      found->finite_gradients = is_finite(sum + averaged) ? 1 : 0;
    } else if (phase == 2) {
      for (int p = lane; p < parameter_count; p += block_lanes) {
        const op::ClipBy clip = settings->clip;
        const double norm = sqrt(clip == op::ClipBy::norm ? squares[p] : *all), limit = settings->limit;
        const bool clips = clip == op::ClipBy::norm || clip == op::ClipBy::global_norm;
        factors[p] = clips && norm > limit ? static_cast<float>(limit / norm) : 1.0F;
      }
    }
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, chunks, chunk_count);
    reads(visit, sums, chunk_count);
    reads(visit, seed, seed_numbers);
    reads(visit, settings, 1);
    reads(visit, updates, parameter_count);
    writes(visit, lane_sums, block_lanes);
    writes(visit, squares, parameter_count + 1);
    writes(visit, factors, parameter_count);
    writes(visit, found, 1);
  }

 private:
  CXRNET_BOTH static bool is_finite(double x) { return x - x == 0; }
};

/// Clips gradients, which are left clipped, and updates every number that changes by op::Update; nothing where the gradients are
/// not finite, or no update is wanted.
struct UpdateParameters {
  int parameter_count;
  std::int64_t numbers;
  const std::int64_t* starts;  ///< of each parameter: its first number
  const op::Update* updates;  ///< of each parameter
  const float* factors;       ///< of each parameter
  const StepSettings* settings;
  const Found* found;
  float* gradients;
  float* parameters;
  float* first;   ///< the optimiser's state
  float* second;  ///< the same, null where there is one alone

  [[nodiscard]] std::int64_t count() const { return numbers; }
  CXRNET_BOTH void operator()(std::int64_t i) const {
    if (settings->update == 0 || found->finite_gradients == 0 || found->finite_seed == 0) return;
    int low = 0, high = parameter_count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (starts[middle] <= i) low = middle;
      else high = middle;
    }
    const op::Update u = updates[low];
    if (u.rule == op::Rule::average) {
      parameters[i] = parameters[i] * u.first + gradients[i] * (1 - u.first);
      return;
    }
    float g = gradients[i] * factors[low];
    if (settings->clip == op::ClipBy::value) {
      const auto most = static_cast<float>(settings->limit);
      g = g < -most ? -most : g > most ? most : g;
    }
    gradients[i] = g;
    float p = parameters[i];
    p -= p * u.decay;
    if (u.rule == op::Rule::adam) {
      float m = first[i], v = second[i];
      m += (g - m) * u.first;
      v += (g * g - v) * u.second;
      p -= u.rate * m / (sqrtf(v) + u.epsilon);
      first[i] = m;
      second[i] = v;
    } else {
      const float down = g * u.rate, velocity = first[i] * u.first - down;
      first[i] = velocity;
      p += u.ahead ? velocity * u.first - down : velocity;
    }
    parameters[i] = p;
  }
  template <class Visit>
  void operands(Visit visit) const {
    reads(visit, starts, parameter_count);
    reads(visit, updates, parameter_count);
    reads(visit, factors, parameter_count);
    reads(visit, settings, 1);
    reads(visit, found, 1);
    for (float* both : {gradients, parameters, first, second}) {
      if (both == nullptr) continue;
      reads(visit, both, numbers);
      writes(visit, both, numbers);
    }
  }
};

}  // namespace cxrnet::cuda
