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
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

/// Whether a backend makes an optimiser's and a loss's whole steps itself, where its values lie.
template <class Backend, class Optimizer, class Loss>
concept MakesSteps = Loss::seed == Seed::logits && requires(const Optimizer& optimizer, const Loss& loss, std::span<float> truth) {
  typename Backend::Program::Training;
  { optimizer.update(UpdateRates{}) } -> std::same_as<op::Update>;
  { loss.terms(std::span<const float>(), 1, truth) } -> std::same_as<LossTerms<float>>;
};
struct Nothing {
  template <class... Ignored>
  explicit Nothing(Ignored&&...) {}
};
template <class Backend>
struct TrainingOn {
  using type = typename Backend::Program::Training;
};

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

  /// Whether steps are the backend's own, from features to parameters; else the loss and the optimiser are the host's.
  static constexpr bool steps_on_device = detail::MakesSteps<Backend, Optimizer, Loss>;
  /// Whether they begin with images (`stage`).
  static constexpr bool stages = steps_on_device && stages_images<Net, Backend>;

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
        targets_(outputs_.size()),
        training_(program_, context_, Optimizer::state_per_parameter) {
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
  ~Trainer() {
    if constexpr (steps_on_device) model_->settle();
  }

  /// Forward, loss and gradients of a batch: features of n samples, their targets (n x outputs) and weights (n, or
  /// none: 1 each), for the gradient of sum(weight * loss) / n as in Keras. Parameters stay as they are. ArgumentError
  /// where the sizes do not fit.
  StepResult gradients_of(std::span<const float> features, std::span<const float> targets,
                          std::span<const float> weights = {}) {
    const std::size_t count = targets.size() / T::output.size();
    check(count, features, targets, weights);
    if constexpr (steps_on_device) {
      begin(Updates::none, features.data(), count, targets, weights);
      return end();
    }
    const int n = static_cast<int>(count);
    take_parameters();
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
    if constexpr (steps_on_device) {
      const std::size_t count = targets.size() / T::output.size();
      check(count, features, targets, weights);
      begin(Updates::all, features.data(), count, targets, weights);
      return end();
    }
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

  /// Begins to bring a batch of decoded images to the device, each with the map it is sampled by, beside a step that has begun;
  /// they may change once it has returned. What was staged before and not begun is forgotten. ArgumentError for too many.
  template <class Map>
  void stage(std::span<const std::uint8_t> rgb, std::span<const Map> maps)
    requires stages
  {
    if (!ahead_) ahead_.emplace(*model_);
    ahead_->stage(rgb, maps);
    staged_ = maps.size();
  }
  /// Begins a step on what was staged: its features, which stay on the device, and all that `step` does.
  void begin_step(std::span<const float> targets, std::span<const float> weights = {})
    requires stages
  {
    check_batch(staged_, targets.size() == staged_ * T::output.size());
    check_weights(staged_, weights);
    ahead_->run();
    begin(Updates::all, nullptr, std::exchange(staged_, 0), targets, weights);
  }
  /// Awaits the step that was begun: what `step` would have returned.
  StepResult end_step()
    requires stages
  {
    const StepResult result = end();
    if (staged_ == 0) ahead_.reset();
    return result;
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
  [[nodiscard]] std::span<const scalar> optimizer_state() const {
    if constexpr (steps_on_device) {
      if (std::exchange(state_is_stale_, false)) training_.read_state(std::span(state_).first(state_.size() - carried));
    }
    return state_;
  }
  /// Goes on from a state that `optimizer_state` gave after so many steps. ArgumentError where its size is another.
  void restore(std::span<const scalar> state, std::uint64_t steps) {
    if (state.size() != state_.size()) {
      throw ArgumentError("This optimizer's state has " + std::to_string(state_.size()) + " numbers, " +
                          std::to_string(state.size()) + " were given.");
    }
    if constexpr (carried != 0) context_.carry_on(state.last(carried));
    if constexpr (steps_on_device) training_.write_state(state.first(state.size() - carried));
    std::copy(state.begin(), state.end(), state_.begin());
    state_is_stale_ = false;
    steps_ = steps;
  }

  /// The gradients of the last step, clipped, by ParameterInfo::gradient; of what averages, the batch's statistic.
  [[nodiscard]] std::span<const scalar> gradients() const {
    if constexpr (steps_on_device) {
      if (std::exchange(gradients_are_stale_, false)) training_.read_gradients(gradients_);
    }
    return gradients_;
  }
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
  enum class Updates { none, all };

  void check(std::size_t count, std::span<const float> features, std::span<const float> targets, std::span<const float> weights) const {
    check_batch(count, features.size() == count * T::features.size() && targets.size() == count * T::output.size());
    check_weights(count, weights);
  }
  static void check_weights(std::size_t count, std::span<const float> weights) {
    if (weights.empty() || weights.size() == count) return;
    throw ArgumentError("A training batch of " + std::to_string(count) + " samples has as many weights or none, not " +
                        std::to_string(weights.size()) + ".");
  }
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

  [[nodiscard]] UpdateRates rates_of(std::size_t parameter, std::uint64_t step) const {
    return {step, optimizer.learning_rate * factors_[parameter], weight_decay_of(optimizer, T::parameters[parameter].parameter)};
  }

  /// Takes what the model's parameters are now.
  void take_parameters() {
    if (revision_ == model_->revision()) return;
    static_cast<void>(model_->parameters());
    program_.update();
    revision_ = model_->revision();
  }

  /// Begins a step on features of the host, or, where there are none, on what was staged.
  void begin(Updates updates, const float* features, std::size_t count, std::span<const float> targets, std::span<const float> weights)
    requires steps_on_device
  {
    if (begun_) end();
    take_parameters();
    const std::size_t width = T::output.size();
    step_targets_.assign(targets.begin(), targets.end());
    step_weights_.assign(weights.begin(), weights.end());
    truths_.resize(targets.size());
    slopes_.resize(count);
    shares_.assign(count, 1.0F);
    std::copy(weights.begin(), weights.end(), shares_.begin());
    TrainingStep step{.n = static_cast<int>(count), .truth = truths_, .slope = slopes_, .weight = shares_, .clip = clip.by, .limit = clip.limit};
    for (std::size_t i = 0; i < count; ++i) {
      const LossTerms<float> r = loss.terms(targets.subspan(i * width, width), step.n, std::span(truths_).subspan(i * width, width));
      slopes_[i] = r.slope;
      step.divisor = r.divisor;
    }
    updates_.clear();
    for (std::size_t i = 0; updates == Updates::all && i < factors_.size(); ++i) {
      if (T::parameters[i].trains) updates_.push_back(optimizer.update(rates_of(i, steps_ + 1)));
    }
    step.updates = updates_;
    if constexpr (stages) {
      if (features == nullptr) training_.begin(step, ahead_->program(), ahead_->context());
    }
    if (features != nullptr) training_.begin(step, features);
    begun_ = true;
  }

  StepResult end()
    requires steps_on_device
  {
    if (!std::exchange(begun_, false)) throw ArgumentError("No training step was begun that could be ended.");
    const auto outputs = std::span(outputs_).first(step_targets_.size());
    const bool finite = training_.finish(outputs);
    gradients_are_stale_ = true;
    StepResult result = score(loss, slopes_.size(), std::span<const scalar>(outputs), std::span<const float>(step_targets_),
                              std::span<const float>(step_weights_));
    if (updates_.empty()) return result;
    if constexpr (carried != 0) context_.carry(carried_state());
    if (!finite) {
      result.loss_sum = std::numeric_limits<double>::quiet_NaN();
      return result;
    }
    ++steps_;
    state_is_stale_ = true;
    model_->set_trainable_later([this](std::span<scalar> parameters) { training_.read_parameters(parameters); });
    revision_ = model_->revision();
    return result;
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
      const UpdateRates rates = rates_of(i, steps_);
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
  mutable std::vector<scalar> gradients_;
  mutable std::vector<scalar> state_;
  std::vector<scalar> outputs_;
  std::vector<scalar> seed_;
  std::vector<float> targets_;                        // of labels
  typename std::conditional_t<steps_on_device, detail::TrainingOn<Backend>, std::type_identity<detail::Nothing>>::type training_;
  std::array<double, T::parameters.size()> factors_;  // of the learning rate, by parameter
  std::uint64_t steps_ = 0;

  // Of steps on the device: the one that was begun, and whether the host lacks what it left.
  std::optional<typename Model<Net, Backend>::Ahead> ahead_;
  std::size_t staged_ = 0;  // images
  bool begun_ = false;
  std::vector<float> step_targets_, step_weights_, truths_, slopes_, shares_;
  std::vector<op::Update> updates_;
  mutable bool state_is_stale_ = false, gradients_are_stale_ = false;
};

}  // namespace cxrnet
