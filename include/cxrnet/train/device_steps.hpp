#pragma once
#include <cxrnet/train/loss.hpp>
#include <cxrnet/train/steps.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet::detail {

/// Whether a backend makes an optimiser's and a loss's whole steps itself, where its values lie.
template <class Backend, class Optimizer, class Loss>
concept MakesSteps = Loss::seed == Seed::logits && requires(const Optimizer& optimizer, const Loss& loss, std::span<float> truth) {
  typename Backend::Program::Training;
  { optimizer.update(UpdateRates{}) } -> std::same_as<op::Update>;
  { loss.terms(std::span<const float>(), 1, truth) } -> std::same_as<LossTerms<float>>;
};

/// Steps that stay on a device from features, or images, to parameters. What the host is asked for is fetched then: gradients,
/// the optimiser's state, and, by the model, parameters.
template <class Net, class Backend, class Optimizer, class Loss>
class DeviceSteps : public StepsBase<Net, Backend, Optimizer> {
  using Base = StepsBase<Net, Backend, Optimizer>;
  using typename Base::scalar;
  using typename Base::T;
  using Recipe = StepRecipe<Optimizer, Loss>;

 public:
  static constexpr bool stages = stages_images<Net, Backend>;

  DeviceSteps(Model<Net, Backend>& model, std::uint64_t seed, const Optimizer& optimizer)
      : Base(model, seed, Loss::seed), training_(this->program_, this->context_, Optimizer::state_per_parameter) {
    const std::size_t kept = op::state_per_parameter(optimizer.update(UpdateRates{}).rule);
    if (kept != Optimizer::state_per_parameter) {
      throw ArgumentError("The optimizer '" + std::string(Optimizer::name) + "' says that a backend may update by a rule that keeps " +
                          std::to_string(kept) + " numbers for each parameter, and keeps " +
                          std::to_string(Optimizer::state_per_parameter) + ".");
    }
  }
  DeviceSteps(const DeviceSteps&) = delete;
  DeviceSteps& operator=(const DeviceSteps&) = delete;
  ~DeviceSteps() { this->model_->settle(); }

  /// Throws BackendError after one that did: nobody knows then what the device has.
  void begin(const Recipe& recipe, std::span<const float> features, const StepBatch& batch) {
    require_idle();
    begin(recipe, batch, [&](const TrainingStep& step) { training_.begin(step, features.data()); });
  }
  StepResult end() {
    if (state_now_ != Now::begun) throw ArgumentError("No training step was begun that could be ended.");
    state_now_ = Now::lost;
    const auto outputs = std::span(this->outputs_).first(targets_.size());
    const bool finite = training_.finish(outputs);
    state_now_ = Now::idle;
    gradients_are_stale_ = true;
    StepResult result = score(*loss_, slopes_.size(), std::span<const scalar>(outputs), std::span<const float>(targets_),
                              std::span<const float>(given_weights_));
    if (updates_.empty()) return result;
    this->carry();
    if (!finite) {
      result.loss_sum = std::numeric_limits<double>::quiet_NaN();
      return result;
    }
    state_is_stale_ = true;
    this->model_->set_trainable_later([this](std::span<scalar> parameters) { training_.read_parameters(parameters); });
    this->revision_ = this->model_->revision();
    return result;
  }

  /// How many images are staged.
  [[nodiscard]] std::size_t staged() const { return staged_; }
  /// See Trainer::stage.
  template <class Map>
  void stage(std::span<const std::uint8_t> rgb, std::span<const Map> maps) {
    staged_ = 0;
    if (maps.empty()) return ahead_.reset();
    if (!ahead_) ahead_.emplace(*this->model_);
    ahead_->stage(rgb, maps);
    staged_ = maps.size();
  }
  void begin_staged(const Recipe& recipe, const StepBatch& batch) {
    require_idle();
    staged_ = 0;
    begin(recipe, batch, [&](const TrainingStep& step) {
      ahead_->run();
      training_.begin(step, ahead_->program(), ahead_->context());
    });
  }
  StepResult end_staged() {
    const StepResult result = end();
    if (staged_ == 0) ahead_.reset();  // what held the images is free for whoever needs it
    return result;
  }

  [[nodiscard]] std::span<const scalar> gradients() {
    require_idle();
    if (gradients_are_stale_) training_.read_gradients(this->gradients_);
    gradients_are_stale_ = false;
    return this->gradients_;
  }
  [[nodiscard]] std::span<const scalar> state() {
    require_idle();
    if (state_is_stale_) training_.read_state(std::span(this->state_).first(this->state_.size() - Base::carried));
    state_is_stale_ = false;
    return this->state_;
  }
  void restore(std::span<const scalar> state) {
    if (state_now_ == Now::begun) require_idle();
    this->take(state);
    training_.write_state(state.first(state.size() - Base::carried));
    state_is_stale_ = false;
    if (state_now_ == Now::lost) this->revision_ = ~this->model_->revision();  // what it has is of no use
    state_now_ = Now::idle;
  }

 private:
  enum class Now { idle, begun, lost };

  void require_idle() const {
    if (state_now_ == Now::begun) throw ArgumentError("A training step is under way: it ends first.");
    if (state_now_ == Now::lost) {
      throw BackendError("A training step failed before this one, and nobody knows what it left on the device: go on from a "
                         "checkpoint.");
    }
  }

  template <class Begin>
  void begin(const Recipe& recipe, const StepBatch& batch, Begin begin_training) {
    this->take_parameters();
    constexpr std::size_t width = T::output.size();
    loss_ = &recipe.loss;
    targets_.assign(batch.targets.begin(), batch.targets.end());
    given_weights_.assign(batch.weights.begin(), batch.weights.end());
    truths_.resize(targets_.size());
    slopes_.resize(batch.n);
    weights_.assign(batch.n, 1.0F);
    std::ranges::copy(batch.weights, weights_.begin());
    TrainingStep step{.n = static_cast<int>(batch.n), .truth = truths_, .slope = slopes_, .weight = weights_, .clip = recipe.clip.by,
                      .limit = recipe.clip.limit};
    for (std::size_t i = 0; i < batch.n; ++i) {
      const LossTerms<float> terms = recipe.loss.terms(batch.targets.subspan(i * width, width), step.n,
                                                       std::span(truths_).subspan(i * width, width));
      slopes_[i] = terms.slope;
      step.divisor = terms.divisor;
    }
    updates_.clear();
    for (std::size_t i = 0; recipe.updates && i < T::parameters.size(); ++i) {
      const ParameterInfo& info = T::parameters[i];
      if (info.trains) updates_.push_back(recipe.optimizer.update(recipe.rates(i, info.parameter)));
      if (info.averages) updates_.push_back({.rule = op::Rule::average, .first = static_cast<float>(info.parameter.momentum)});
    }
    this->context_.dropout.step = static_cast<std::uint32_t>(recipe.step - 1);
    step.updates = updates_;
    state_now_ = Now::lost;  // unless all of it succeeds
    begin_training(step);
    state_now_ = Now::begun;
  }

  typename Backend::Program::Training training_;
  std::optional<Ahead<Net, Backend>> ahead_;
  std::size_t staged_ = 0;
  Now state_now_ = Now::idle;
  const Loss* loss_ = nullptr;  // of the step that was begun, as all below
  std::vector<float> targets_, given_weights_, truths_, slopes_, weights_;
  std::vector<op::Update> updates_;
  bool state_is_stale_ = false, gradients_are_stale_ = false;
};

}  // namespace cxrnet::detail
