#pragma once
#include <cxrnet/core/fault.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/train/adam.hpp>
#include <cxrnet/train/loss.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
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

template <class Lowering>
constexpr bool ends_in_softmax() {
  constexpr auto& head = Lowering::Operations::head;
  return !head.empty() && head[head.size() - 1].activation == op::Activation::softmax;
}

template <class Net, class Backend, int layer = untrainable_layer<Net, Backend>()>
struct trainable_on
    : not_trainable<LayerIndex<layer>, Layer<typename layer_at<layer, typename expand<Net>::type>::type>, Backend> {};
template <class Net, class Backend>
struct trainable_on<Net, Backend, -1> {};

}  // namespace detail

/// Trains what is behind the cut of a model, from features. Owns gradients and optimiser state, which exist for the
/// parameters that train and for no others.
template <class Net, class Backend, class Optimizer = Adam, class Loss = CategoricalCrossentropy>
class Trainer : private detail::trainable_on<Net, Backend> {
 public:
  using T = Traits<Net>;
  using scalar = typename Backend::scalar;
  using Lowering = Lowered<Net, Backend, Mode::training>;
  static_assert(T::trainable_count > 0, "cxrnet: nothing in this network trains");
  static_assert(T::trainable_count == 0 || !Loss::gradient_of_logits || detail::ends_in_softmax<Lowering>(),
                "cxrnet: CategoricalCrossentropy needs a network that ends in Softmax");

  static constexpr std::size_t gradient_bytes = T::trainable_count * sizeof(scalar);
  static constexpr std::size_t optimizer_bytes = gradient_bytes * Optimizer::state_per_parameter;
  /// Bytes of the arena of a training step on features, for batches of up to `capacity`.
  static constexpr std::size_t arena_bytes(int capacity) {
    return Lowering::head_plan.bytes * static_cast<std::size_t>(capacity);
  }

  /// Trains `model`, which must outlive this, on batches of up to its capacity; `seed` draws dropout.
  explicit Trainer(Model<Net, Backend>& model, Optimizer chosen = {}, std::uint64_t seed = 0)
      : optimizer(chosen),
        model_(&model),
        revision_(model.revision()),
        program_(Lowering::head, model.capacity(), model.parameters().data()),
        arena_(arena_bytes(model.capacity())),
        workspace_(program_.workspace_bytes()),
        context_(program_, arena_.data(), workspace_.data()),
        gradients_(T::trainable_count),
        state_(T::trainable_count * Optimizer::state_per_parameter),
        probabilities_(static_cast<std::size_t>(model.capacity()) * T::output.size()),
        seed_(probabilities_.size()) {
    context_.dropout.seed = seed;
    context_.seed = Loss::gradient_of_logits ? Seed::logits : Seed::output;
  }

  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  Trainer(Trainer&&) = delete;
  Trainer& operator=(Trainer&&) = delete;
  ~Trainer() = default;

  /// Forward, loss and gradients of a batch of features; parameters stay as they are.
  StepResult gradients_of(std::span<const float> features, std::span<const int> labels) {
    const int n = static_cast<int>(labels.size());
    if (n < 1 || n > model_->capacity() || features.size() != labels.size() * T::features.size()) {
      throw ArgumentError("A training batch holds 1 to " + std::to_string(model_->capacity()) +
                          " samples, and as many features as labels.");
    }
    if (revision_ != model_->revision()) program_.update();
    revision_ = model_->revision();
    context_.dropout.step = static_cast<std::uint32_t>(steps_);
    program_.forward(context_, features.data(), n, probabilities_.data());
    StepResult result;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = std::span<const scalar>(probabilities_).subspan(i * T::output.size(), T::output.size());
      if (labels[i] < 0 || labels[i] >= static_cast<int>(row.size())) {
        throw ArgumentError("The label " + std::to_string(labels[i]) + " is none of the network's " +
                            std::to_string(row.size()) + " classes.");
      }
      result.loss_sum += Loss::value(row, labels[i]);
      result.correct += predicted_class(row) == labels[i] ? 1 : 0;
      Loss::gradient(row, labels[i], n, std::span(seed_).subspan(i * row.size(), row.size()));
    }
    program_.backward(context_, n, seed_.data(), gradients_.data());
    return result;
  }

  /// One training step: gradients, then the optimiser. The result is that of the parameters before the step. Where the
  /// loss or a gradient is not finite (a ReLU may hide NaN from the loss), nothing changes and the loss is NaN.
  StepResult step(std::span<const float> features, std::span<const int> labels) {
    StepResult result = gradients_of(features, labels);
    const auto finite = [](scalar g) { return std::isfinite(g); };
    if (!std::isfinite(result.loss_sum) || !std::all_of(gradients_.begin(), gradients_.end(), finite)) {
      result.loss_sum = std::numeric_limits<double>::quiet_NaN();
      return result;
    }
    ++steps_;
    model_->set_trainable([this](std::span<scalar> parameters) {
      constexpr std::size_t kept = Optimizer::state_per_parameter;
      for (const ParameterInfo& p : T::parameters) {
        if (!p.trains) continue;
        const std::size_t size = p.parameter.size();
        optimizer.step(steps_, parameters.subspan(p.offset, size),
                       std::span<const scalar>(gradients_).subspan(p.gradient, size),
                       std::span(state_).subspan(p.gradient * kept, size * kept));
      }
    });
    return result;
  }

  /// The gradients of the last step, by ParameterInfo::gradient.
  [[nodiscard]] std::span<const scalar> gradients() const { return gradients_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] Model<Net, Backend>& model() { return *model_; }

  Optimizer optimizer;

  /// Where the forward of a step leaves its times, by operation of Lowering::head; null: nowhere.
  void set_profile(Profile* profile) {
    if (profile != nullptr) profile->seconds.resize(Lowering::head.operations.size());
    context_.profile = profile;
  }

 private:
  Model<Net, Backend>* model_;
  std::uint64_t revision_;  // of the parameters that program_ was last packed from
  typename Backend::Program program_;
  AlignedBytes arena_;
  AlignedBytes workspace_;
  typename Backend::Program::Context context_;
  std::vector<scalar> gradients_;
  std::vector<scalar> state_;
  std::vector<scalar> probabilities_;
  std::vector<scalar> seed_;
  std::uint64_t steps_ = 0;
};

}  // namespace cxrnet
