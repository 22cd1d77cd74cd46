#pragma once
#include <cxrnet/core/fault.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/train/adam.hpp>
#include <cxrnet/train/clip.hpp>
#include <cxrnet/train/device_steps.hpp>
#include <cxrnet/train/host_steps.hpp>
#include <cxrnet/train/loss.hpp>
#include <cxrnet/train/optimizer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
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

  /// Whether steps are the backend's own, from features to parameters; else the loss and the optimiser are the host's.
  static constexpr bool steps_on_device = detail::MakesSteps<Backend, Optimizer, Loss>;
  using Steps = std::conditional_t<steps_on_device, detail::DeviceSteps<Net, Backend, Optimizer, Loss>,
                                   detail::HostSteps<Net, Backend, Optimizer, Loss>>;
  /// Whether they may begin with images (`stage`).
  static constexpr bool stages = Steps::stages;

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
        targets_(static_cast<std::size_t>(model.capacity()) * T::output.size()),
        steps_(model, seed, optimizer) {
    check_optimizer(optimizer);
    loss.check();
    clip.check();
    factors_.fill(1);
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
    return made(false, features, targets, weights);
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
    return counted(made(true, features, targets, weights));
  }
  StepResult step(std::span<const float> features, std::span<const int> labels, std::span<const float> weights = {}) {
    return step(features, targets_of(features, labels), weights);
  }

  /// Begins to bring a batch of decoded images to the device, each with the map it is sampled by, beside a step that has begun;
  /// they may change once it has returned. What was staged before and not begun is forgotten, with an empty batch as well.
  /// ArgumentError for too many.
  template <class Map>
  void stage(std::span<const std::uint8_t> rgb, std::span<const Map> maps)
    requires stages
  {
    steps_.stage(rgb, maps);
  }
  /// Begins a step on what was staged: its features, which stay on the device, and all that `step` does. Until it has ended
  /// nothing but `stage` is called of this trainer or its model (ArgumentError, where it is this trainer that is asked).
  void begin_step(std::span<const float> targets, std::span<const float> weights = {})
    requires stages
  {
    const std::size_t n = steps_.staged();
    check_batch(n, targets.size() == n * T::output.size());
    check_weights(n, weights);
    steps_.begin_staged(recipe(true), {n, targets, weights});
  }
  /// Awaits the step that was begun: what `step` would have returned.
  StepResult end_step()
    requires stages
  {
    return counted(steps_.end_staged());
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
  [[nodiscard]] std::span<const scalar> optimizer_state() const { return steps_.state(); }
  /// Goes on from a state that `optimizer_state` gave after so many steps. ArgumentError where its size is another.
  void restore(std::span<const scalar> state, std::uint64_t steps) {
    steps_.restore(state);
    count_ = steps;
  }

  /// The gradients of the last step, clipped, by ParameterInfo::gradient; of what averages, the batch's statistic.
  [[nodiscard]] std::span<const scalar> gradients() const { return steps_.gradients(); }
  /// What the backend picked for the operations behind the cut, forward and backward.
  [[nodiscard]] std::vector<Algorithm> algorithms() const { return steps_.algorithms(); }
  [[nodiscard]] std::uint64_t steps() const { return count_; }
  [[nodiscard]] Model<Net, Backend>& model() { return steps_.model(); }

  Optimizer optimizer;
  Loss loss;
  Clip clip;

  /// Where the forward of a step leaves its times, by operation of Lowering::head; null: nowhere.
  void set_profile(Profile* profile) { steps_.set_profile(profile); }

 private:
  [[nodiscard]] detail::StepRecipe<Optimizer, Loss> recipe(bool updates) const {
    return {optimizer, loss, clip, factors_, count_ + 1, updates};
  }
  StepResult made(bool updates, std::span<const float> features, std::span<const float> targets, std::span<const float> weights) {
    const std::size_t n = targets.size() / T::output.size();
    check(n, features, targets, weights);
    steps_.begin(recipe(updates), features, {n, targets, weights});
    return steps_.end();
  }
  StepResult counted(const StepResult& result) {
    if (std::isfinite(result.loss_sum)) ++count_;
    return result;
  }

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
    const int capacity = steps_.model().capacity();
    if (n >= 1 && n <= static_cast<std::size_t>(capacity) && sizes_fit) return;
    throw ArgumentError("A training batch holds 1 to " + std::to_string(capacity) +
                        " samples, and the features and the targets of each.");
  }

  std::span<const float> targets_of(std::span<const float> features, std::span<const int> labels) {
    check_batch(labels.size(), features.size() == labels.size() * T::features.size());
    const auto targets = std::span(targets_).first(labels.size() * T::output.size());
    one_hot(labels, targets);
    return targets;
  }

  std::vector<float> targets_;                        // of labels
  mutable Steps steps_;                               // what it is asked for it may have to fetch
  std::array<double, T::parameters.size()> factors_;  // of the learning rate, by parameter
  std::uint64_t count_ = 0;
};

}  // namespace cxrnet
