#pragma once
#include <cxrnet/core/packs.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/train/loss.hpp>
#include <cxrnet/train/steps.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace cxrnet::detail {

/// Steps whose loss, clipping and optimiser are the host's, between and behind a backend's forward and backward.
template <class Net, class Backend, class Optimizer, class Loss>
class HostSteps : public StepsBase<Net, Backend, Optimizer> {
  using Base = StepsBase<Net, Backend, Optimizer>;
  using typename Base::scalar;
  using typename Base::T;
  using Recipe = StepRecipe<Optimizer, Loss>;

 public:
  static constexpr bool stages = false;

  HostSteps(Model<Net, Backend>& model, std::uint64_t seed, const Optimizer&) : Base(model, seed, Loss::seed), seed_(this->outputs_.size()) {}

  void begin(const Recipe& recipe, std::span<const float> features, const StepBatch& batch) {
    const int n = static_cast<int>(batch.n);
    this->take_parameters();
    this->context_.dropout.step = static_cast<std::uint32_t>(recipe.step - 1);
    this->program_.forward(this->context_, features.data(), n, this->outputs_.data());
    const auto outputs = std::span<const scalar>(this->outputs_).first(batch.targets.size());
    constexpr std::size_t width = T::output.size();
    for (std::size_t i = 0; i < batch.n; ++i) {
      recipe.loss.gradient(outputs.subspan(i * width, width), batch.targets.subspan(i * width, width),
                           batch.weights.empty() ? scalar{1} : static_cast<scalar>(batch.weights[i]), n,
                           std::span(seed_).subspan(i * width, width));
    }
    this->program_.backward(this->context_, n, seed_.data(), this->gradients_.data());
    result_ = score(recipe.loss, batch.n, outputs, batch.targets, batch.weights);
    if (!recipe.updates) return;
    this->carry();
    if (!std::isfinite(result_.loss_sum) || !all_finite<scalar>(this->gradients_)) {
      result_.loss_sum = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    recipe.clip.apply(T::parameters, std::span(this->gradients_));
    this->model_->set_trainable([&](std::span<scalar> parameters) { update(recipe, parameters); });
  }
  StepResult end() { return result_; }

  [[nodiscard]] std::span<const scalar> gradients() const { return this->gradients_; }
  [[nodiscard]] std::span<const scalar> state() const { return this->state_; }
  void restore(std::span<const scalar> state) { this->take(state); }

 private:
  void update(const Recipe& recipe, std::span<scalar> parameters) {
    std::size_t state = 0;
    for (std::size_t i = 0; i < T::parameters.size(); ++i) {
      const ParameterInfo& info = T::parameters[i];
      if (!info.changes()) continue;
      const std::size_t size = info.parameter.size();
      const auto values = parameters.subspan(info.offset, size);
      const auto given = std::span<const scalar>(this->gradients_).subspan(info.gradient, size);
      if (info.averages) {
        const auto momentum = static_cast<scalar>(info.parameter.momentum);
        for (std::size_t k = 0; k < size; ++k) values[k] = values[k] * momentum + given[k] * (1 - momentum);
        continue;
      }
      const UpdateRates rates = recipe.rates(i, info.parameter);
      parallel_for(size, parallel_grain, [&](std::size_t first, std::size_t last) {
        OptimizerState<scalar, Optimizer::state_per_parameter> kept;
        for (std::size_t run = 0; run < kept.size(); ++run) {
          kept[run] = std::span(this->state_).subspan(state + run * size + first, last - first);
        }
        recipe.optimizer.step(rates, values.subspan(first, last - first), given.subspan(first, last - first), kept);
      });
      state += size * Optimizer::state_per_parameter;
    }
  }

  std::vector<scalar> seed_;
  StepResult result_;
};

}  // namespace cxrnet::detail
