#pragma once
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/train/loss.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace cxrnet {

/// Features of batch after batch, each on its way while the one before is worked on.
class FeaturesAhead {
 public:
  virtual ~FeaturesAhead() = default;
  /// Begins a batch, which may change once it has returned; two are untaken at most.
  virtual void give(const PreparedImages& batch) = 0;
  /// The features of the first of them, n x features.
  virtual void take(std::span<float> features) = 0;
  /// Class probabilities, as Classifier::predict, in the memory that this holds.
  virtual void predict(std::span<const float> features, std::span<float> probabilities) = 0;
};

/// A classifier whose network type is not known here: what a training loop runs and what programs choose among, each
/// variant compiled in a unit of its own. Spans are n x what the description says, NHWC.
class Classifier {
 public:
  Classifier() = default;
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;
  virtual ~Classifier() = default;

  [[nodiscard]] virtual const Description& description() const = 0;
  [[nodiscard]] virtual std::string_view backend() const = 0;
  /// What the backend picked for each operation of `fused`, and for those of `trained`, forward and backward.
  [[nodiscard]] virtual std::vector<Algorithm> algorithms() const = 0;
  [[nodiscard]] virtual std::vector<Algorithm> training_algorithms() const = 0;
  /// The largest training batch.
  [[nodiscard]] virtual int capacity() const = 0;

  /// From decoded bytes to the network's input: as they are, and augmented.
  [[nodiscard]] virtual Preparation prepare() const = 0;
  [[nodiscard]] virtual Preparation prepare_augmented() const = 0;
  /// What the augmentation draws; `static_images` where it is none, so that training features never change.
  [[nodiscard]] virtual Draws draws() const = 0;
  [[nodiscard]] virtual bool static_images() const = 0;

  virtual void features(const PreparedImages& prepared, std::span<float> features, Profile* profile) const = 0;
  /// The same of many batches; null where the backend works on one at a time.
  [[nodiscard]] virtual std::unique_ptr<FeaturesAhead> features_ahead() const = 0;
  virtual void predict(std::span<const float> features, std::span<float> probabilities) const = 0;
  /// One training step on features, as Trainer::step: targets n x outputs, weights one a sample or none; the result is
  /// that of the parameters before it.
  virtual StepResult step(std::span<const float> features, std::span<const float> targets,
                          std::span<const float> weights = {}) = 0;
  /// Whether steps may begin with images, whose features then stay where the backend has them: see Trainer::stage,
  /// begin_step and end_step, which are for such alone.
  [[nodiscard]] virtual bool stages() const = 0;
  virtual void stage(const PreparedImages& prepared) = 0;
  virtual void begin_step(std::span<const float> targets, std::span<const float> weights = {}) = 0;
  virtual StepResult end_step() = 0;
  /// What the classifier's own loss says of probabilities, n x outputs as their targets. ArgumentError for other sizes.
  [[nodiscard]] virtual StepResult score(std::span<const float> probabilities, std::span<const float> targets) const = 0;

  /// Gives back the memory that `features` and `predict` work in; the next call takes it anew.
  virtual void release_workspace() const = 0;

  /// Where the forward of each step leaves its times, by operation of `trained`; null: nowhere.
  virtual void set_profile(Profile* profile) = 0;

  [[nodiscard]] virtual std::span<const float> parameters() const = 0;
  virtual void set_parameters(std::span<const float> parameters) = 0;

  [[nodiscard]] virtual double learning_rate() const = 0;
  /// ArgumentError where it is not finite or below 0.
  virtual void set_learning_rate(double rate) = 0;
  /// See Trainer::set_group_rate.
  virtual void set_group_rate(std::string_view group, double factor) = 0;

  /// Training steps made, what the optimiser keeps, and how to go on from both and the parameters: exactly as if
  /// training had never stopped. ArgumentError, before anything changes, where a size is another.
  [[nodiscard]] virtual std::uint64_t steps() const = 0;
  [[nodiscard]] virtual std::span<const float> optimizer_state() const = 0;
  virtual void restore(std::span<const float> parameters, std::span<const float> optimizer_state,
                       std::uint64_t steps) = 0;

  [[nodiscard]] virtual std::string_view optimizer_name() const = 0;
  [[nodiscard]] virtual std::string_view loss_name() const = 0;

  /// Bytes, for `summary` and `run.json`.
  struct Memory {
    std::size_t arena = 0;
    std::size_t packed = 0;
    std::size_t workspace = 0;
    std::size_t gradients = 0;
    std::size_t optimizer = 0;
    std::size_t training_arena = 0;
  };
  [[nodiscard]] virtual Memory memory() const = 0;
  /// The operations after the backend's fusions, for inference.
  [[nodiscard]] virtual std::span<const op::Operation> fused() const = 0;
  /// The operations behind the cut, for training.
  [[nodiscard]] virtual std::span<const op::Operation> trained() const = 0;
};

}  // namespace cxrnet
