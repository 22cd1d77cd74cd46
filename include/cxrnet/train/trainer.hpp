#pragma once
#include <cxrnet/core/fault.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/core/packs.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/train/adam.hpp>
#include <cxrnet/train/clip.hpp>
#include <cxrnet/train/loss.hpp>
#include <cxrnet/train/optimizer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

namespace detail {

/// The first operation behind the cut whose backward the backend lacks, -1: none.
template <class Net, class Backend>
constexpr int untrainable_layer() {
  for (const auto& operation : Rewrite<Net, Backend, Mode::training>::head) {
    if (operation.backward() && !Backend::trains(operation)) return operation.layer;
  }
  return -1;
}

/// The activation that the last operation ends in.
template <class Lowering>
constexpr op::Activation last_activation() {
  constexpr auto& head = Lowering::Operations::head;
  return head.empty() ? op::Activation::none : head[head.size() - 1].activation;
}

/// Whether the network ends as the loss needs; where nothing trains, another message says so.
template <class Net, class Backend, class Loss>
constexpr bool loss_fits() {
  if constexpr (Traits<Net>::trainable_count == 0) return true;
  else return Loss::template fits<last_activation<Lowered<Net, Backend, Mode::training>>()>();
}

template <class Net, class Backend, int layer = untrainable_layer<Net, Backend>()>
struct trainable_on
    : not_trainable<LayerIndex<layer>, Layer<typename layer_at<layer, typename expand<Net>::type>::type>, Backend> {};
template <class Net, class Backend>
struct trainable_on<Net, Backend, -1> {};

}  // namespace detail

/// Trains what is behind the cut of a model, from features. Owns gradients, which exist for the parameters that
/// training changes, and optimiser state, which exists for those that it changes by gradients.
template <class Net, class Backend, OptimizerContract Optimizer = Adam, LossContract Loss = CategoricalCrossentropy>
class Trainer : private detail::trainable_on<Net, Backend> {
 public:
  using T = Traits<Net>;
  using scalar = typename Backend::scalar;
  using Lowering = Lowered<Net, Backend, Mode::training>;
  static_assert(T::trainable_count > 0, "cxrnet: nothing in this network trains");
  static_assert(detail::loss_fits<Net, Backend, Loss>());

  static constexpr std::size_t gradient_bytes = T::gradient_count * sizeof(scalar);
  static constexpr std::size_t optimizer_bytes = T::trainable_count * Optimizer::state_per_parameter * sizeof(scalar);
  /// Bytes of the arena of a training step on features, for batches of up to `capacity`.
  static constexpr std::size_t arena_bytes(int capacity) {
    return Lowering::head_plan.bytes * static_cast<std::size_t>(capacity);
  }

  /// Trains `model`, which must outlive this, on batches of up to its capacity; `seed` draws dropout. ArgumentError
  /// where an option makes no sense.
  explicit Trainer(Model<Net, Backend>& model, Optimizer chosen = {}, std::uint64_t seed = 0, Loss by = {},
                   Clip within = {})
      : optimizer(chosen),
        loss(by),
        clip(within),
        model_(&model),
        revision_(model.revision()),
        program_(Lowering::head, model.capacity(), model.parameters().data()),
        arena_(host_bytes<Backend>(arena_bytes(model.capacity()))),
        workspace_(program_.workspace_bytes()),
        context_(program_, arena_.data(), workspace_.data()),
        gradients_(T::gradient_count),
        state_(T::trainable_count * Optimizer::state_per_parameter + carried),
        outputs_(static_cast<std::size_t>(model.capacity()) * T::output.size()),
        seed_(outputs_.size()),
        targets_(outputs_.size()) {
    check_optimizer(optimizer);
    loss.check();
    clip.check();
    factors_.fill(1);
    context_.dropout.seed = seed;
    context_.seed = Loss::seed;
    if constexpr (carried != 0) context_.carry(carried_state());
  }

  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  Trainer(Trainer&&) = delete;
  Trainer& operator=(Trainer&&) = delete;
  ~Trainer() = default;

  /// Forward, loss and gradients of a batch: features of n samples, their targets (n x outputs) and weights (n, or
  /// none: 1 each), for the gradient of sum(weight * loss) / n as in Keras. Parameters stay as they are. ArgumentError
  /// where the sizes do not fit.
  StepResult gradients_of(std::span<const float> features, std::span<const float> targets,
                          std::span<const float> weights = {}) {
    const std::size_t count = targets.size() / T::output.size();
    check_batch(count, features.size() == count * T::features.size() && targets.size() == count * T::output.size());
    if (!weights.empty() && weights.size() != count) {
      throw ArgumentError("A training batch of " + std::to_string(count) + " samples has as many weights or none, not " +
                          std::to_string(weights.size()) + ".");
    }
    const int n = static_cast<int>(count);
    if (revision_ != model_->revision()) program_.update();
    revision_ = model_->revision();
    context_.dropout.step = static_cast<std::uint32_t>(steps_);
    program_.forward(context_, features.data(), n, outputs_.data());
    const auto outputs = std::span<const scalar>(outputs_).first(targets.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t first = i * T::output.size();
      loss.gradient(outputs.subspan(first, T::output.size()), targets.subspan(first, T::output.size()),
                    weights.empty() ? scalar{1} : static_cast<scalar>(weights[i]), n,
                    std::span(seed_).subspan(first, T::output.size()));
    }
    program_.backward(context_, n, seed_.data(), gradients_.data());
    return score(loss, count, outputs, targets, weights);
  }
  /// The same by labels, each a class. ArgumentError names a label that is none.
  StepResult gradients_of(std::span<const float> features, std::span<const int> labels,
                          std::span<const float> weights = {}) {
    return gradients_of(features, targets_of(features, labels), weights);
  }

  /// One training step: gradients, clipping, then the optimiser; what a layer averages takes the batch's statistic. The
  /// result is that of the parameters before the step. Where the loss or a gradient is not finite (a ReLU may hide NaN
  /// from the loss), nothing changes and the loss is NaN.
  StepResult step(std::span<const float> features, std::span<const float> targets, std::span<const float> weights = {}) {
    StepResult result = gradients_of(features, targets, weights);
    if constexpr (carried != 0) context_.carry(carried_state());
    if (!std::isfinite(result.loss_sum) || !all_finite<scalar>(gradients_)) {
      result.loss_sum = std::numeric_limits<double>::quiet_NaN();
      return result;
    }
    clip.apply(T::parameters, std::span(gradients_));
    ++steps_;
    model_->set_trainable([this](std::span<scalar> parameters) { update(parameters); });
    return result;
  }
  StepResult step(std::span<const float> features, std::span<const int> labels, std::span<const float> weights = {}) {
    return step(features, targets_of(features, labels), weights);
  }

  /// The learning rate of a group of layers (LayerInfo::group: "backbone", "head") is `factor` times the optimiser's
  /// from now on. With 0 its parameters stay as they are, while the optimiser's moments and batch normalisation's
  /// averages go on moving. ArgumentError names the groups that train where this is none.
  void set_group_rate(std::string_view group, double factor) {
    if (!std::isfinite(factor) || factor < 0) throw ArgumentError("The factor of a group's learning rate is 0 or more.");
    bool found = false;
    std::string names;
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      const std::string_view name = T::layers[static_cast<std::size_t>(T::parameters[i].layer)].group;
      if (!T::parameters[i].trains) continue;
      if (name == group) factors_[i] = factor;
      found = found || name == group;
      if (names.find("'" + std::string(name) + "'") == std::string::npos) {
        names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
      }
    }
    if (!found) {
      throw ArgumentError("No group of layers named '" + std::string(group) + "' trains; those that do are " + names + ".");
    }
  }

  /// What the optimiser keeps: of each parameter that trains, in layer order, state_per_parameter runs of numbers; behind
  /// them what the backend goes on with, if anything.
  [[nodiscard]] std::span<const scalar> optimizer_state() const { return state_; }
  /// Goes on from a state that `optimizer_state` gave after so many steps. ArgumentError where its size is another.
  void restore(std::span<const scalar> state, std::uint64_t steps) {
    if (state.size() != state_.size()) {
      throw ArgumentError("This optimizer's state has " + std::to_string(state_.size()) + " numbers, " +
                          std::to_string(state.size()) + " were given.");
    }
    if constexpr (carried != 0) context_.carry_on(state.last(carried));
    std::copy(state.begin(), state.end(), state_.begin());
    steps_ = steps;
  }

  /// The gradients of the last step, clipped, by ParameterInfo::gradient; of what averages, the batch's statistic.
  [[nodiscard]] std::span<const scalar> gradients() const { return gradients_; }
  /// What the backend picked for the operations behind the cut, forward and backward.
  [[nodiscard]] std::vector<Algorithm> algorithms() const { return program_.algorithms(); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] Model<Net, Backend>& model() { return *model_; }

  Optimizer optimizer;
  Loss loss;
  Clip clip;

  /// Where the forward of a step leaves its times, by operation of Lowering::head; null: nowhere.
  void set_profile(Profile* profile) {
    if (profile != nullptr) profile->seconds.resize(Lowering::head.operations.size());
    context_.profile = profile;
  }

 private:
  void check_batch(std::size_t n, bool sizes_fit) const {
    if (n >= 1 && n <= static_cast<std::size_t>(model_->capacity()) && sizes_fit) return;
    throw ArgumentError("A training batch holds 1 to " + std::to_string(model_->capacity()) +
                        " samples, and the features and the targets of each.");
  }

  std::span<const float> targets_of(std::span<const float> features, std::span<const int> labels) {
    check_batch(labels.size(), features.size() == labels.size() * T::features.size());
    const auto targets = std::span(targets_).first(labels.size() * T::output.size());
    one_hot(labels, targets);
    return targets;
  }

  void update(std::span<scalar> parameters) {
    std::size_t state = 0;
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      const ParameterInfo& info = T::parameters[i];
      if (!info.changes()) continue;
      const std::size_t size = info.parameter.size();
      const auto values = parameters.subspan(info.offset, size);
      const auto given = std::span<const scalar>(gradients_).subspan(info.gradient, size);
      if (info.averages) {
        const auto momentum = static_cast<scalar>(info.parameter.momentum);
        for (std::size_t k = 0; k < size; ++k) values[k] = values[k] * momentum + given[k] * (1 - momentum);
        continue;
      }
      const UpdateRates rates{steps_, optimizer.learning_rate * factors_[i], weight_decay_of(optimizer, info.parameter)};
      parallel_for(size, parallel_grain, [&](std::size_t first, std::size_t last) {
        OptimizerState<scalar, Optimizer::state_per_parameter> kept;
        for (std::size_t run = 0; run < kept.size(); ++run) {
          kept[run] = std::span(state_).subspan(state + run * size + first, last - first);
        }
        optimizer.step(rates, values.subspan(first, last - first), given.subspan(first, last - first), kept);
      });
      state += size * Optimizer::state_per_parameter;
    }
  }

  static constexpr std::size_t carried = [] {
    if constexpr (requires { Backend::Program::Context::carried; }) return Backend::Program::Context::carried;
    else return std::size_t{0};
  }();
  [[nodiscard]] std::span<scalar> carried_state() { return std::span(state_).last(carried); }

  Model<Net, Backend>* model_;
  std::uint64_t revision_;  // of the parameters that program_ was last packed from
  typename Backend::Program program_;
  AlignedBytes arena_;
  AlignedBytes workspace_;
  typename Backend::Program::Context context_;
  std::vector<scalar> gradients_;
  std::vector<scalar> state_;
  std::vector<scalar> outputs_;
  std::vector<scalar> seed_;
  std::vector<float> targets_;                        // of labels
  std::array<double, T::parameters.size()> factors_;  // of the learning rate, by parameter
  std::uint64_t steps_ = 0;
};

}  // namespace cxrnet
