#pragma once
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/train/clip.hpp>
#include <cxrnet/train/optimizer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// How a Trainer's steps are made: host_steps.hpp, device_steps.hpp.
namespace cxrnet::detail {

/// n samples' targets, n x outputs, and weights, one a sample or none.
struct StepBatch {
  std::size_t n = 0;
  std::span<const float> targets;
  std::span<const float> weights;
};

/// What a step is made by: a trainer's own, as they are now.
template <class Optimizer, class Loss>
struct StepRecipe {
  const Optimizer& optimizer;
  const Loss& loss;
  const Clip& clip;
  std::span<const double> factors;  ///< of the learning rate, by parameter
  std::uint64_t step = 1;           ///< which it is, from 1
  bool updates = true;              ///< else it ends with the gradients

  [[nodiscard]] UpdateRates rates(std::size_t index, const Parameter& parameter) const {
    return {step, optimizer.learning_rate * factors[index], weight_decay_of(optimizer, parameter)};
  }
};

/// What steps work with, wherever they are made: the program of what is behind the cut, its gradients, and what training goes on
/// with.
template <class Net, class Backend, class Optimizer>
class StepsBase {
 public:
  using T = Traits<Net>;
  using scalar = typename Backend::scalar;
  using Lowering = Lowered<Net, Backend, Mode::training>;
  using Context = typename Backend::Program::Context;

  StepsBase(Model<Net, Backend>& model, std::uint64_t seed, Seed of)
      : model_(&model),
        revision_(model.revision()),
        program_(Lowering::head, model.capacity(), model.parameters().data()),
        arena_(host_bytes<Backend>(Lowering::head_plan.bytes * static_cast<std::size_t>(model.capacity()))),
        workspace_(program_.workspace_bytes()),
        context_(program_, arena_.data(), workspace_.data()),
        gradients_(T::gradient_count),
        state_(T::trainable_count * Optimizer::state_per_parameter + carried),
        outputs_(static_cast<std::size_t>(model.capacity()) * T::output.size()) {
    context_.dropout.seed = seed;
    context_.seed = of;
    carry();
  }

  [[nodiscard]] Model<Net, Backend>& model() const { return *model_; }
  [[nodiscard]] std::vector<Algorithm> algorithms() const { return program_.algorithms(); }
  void set_profile(Profile* profile) {
    if (profile != nullptr) profile->seconds.resize(Lowering::head.operations.size());
    context_.profile = profile;
  }

 protected:
  static constexpr std::size_t carried = [] {
    if constexpr (requires { Context::carried; }) return Context::carried;
    else return std::size_t{0};
  }();

  /// Into the state, what the backend goes on with.
  void carry() {
    if constexpr (carried != 0) context_.carry(std::span(state_).last(carried));
  }
  /// Out of a state, which is taken. ArgumentError where its size is another, or the backend's part is none.
  void take(std::span<const scalar> state) {
    if (state.size() != state_.size()) {
      throw ArgumentError("This optimizer's state has " + std::to_string(state_.size()) + " numbers, " +
                          std::to_string(state.size()) + " were given.");
    }
    if constexpr (carried != 0) context_.carry_on(state.last(carried));
    std::copy(state.begin(), state.end(), state_.begin());
  }
  /// Takes what the model's parameters are now.
  void take_parameters() {
    if (revision_ == model_->revision()) return;
    static_cast<void>(model_->parameters());
    program_.update();
    revision_ = model_->revision();
  }

  Model<Net, Backend>* model_;
  std::uint64_t revision_;  // of the parameters that program_ has
  typename Backend::Program program_;
  AlignedBytes arena_;
  AlignedBytes workspace_;
  Context context_;
  std::vector<scalar> gradients_;
  std::vector<scalar> state_;
  std::vector<scalar> outputs_;
};

}  // namespace cxrnet::detail
