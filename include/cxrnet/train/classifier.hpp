#pragma once
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/train/trainer.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cxrnet {

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
  [[nodiscard]] virtual std::vector<Algorithm> algorithms() const = 0;
  /// The largest training batch.
  [[nodiscard]] virtual int capacity() const = 0;

  /// From decoded bytes to the network's input: as they are, and augmented.
  [[nodiscard]] virtual PrepareFunction prepare() const = 0;
  [[nodiscard]] virtual PrepareFunction prepare_augmented() const = 0;
  /// What the augmentation draws; `static_images` where it is none, so that training features never change.
  [[nodiscard]] virtual Draws draws() const = 0;
  [[nodiscard]] virtual bool static_images() const = 0;

  virtual void features(std::span<const float> prepared, std::span<float> features, Profile* profile) const = 0;
  virtual void predict(std::span<const float> features, std::span<float> probabilities) const = 0;
  /// One training step on features; the result is that of the parameters before it.
  virtual StepResult step(std::span<const float> features, std::span<const int> labels) = 0;

  /// Where the forward of each step leaves its times, by operation of `trained`; null: nowhere.
  virtual void set_profile(Profile* profile) = 0;

  [[nodiscard]] virtual std::span<const float> parameters() const = 0;
  virtual void set_parameters(std::span<const float> parameters) = 0;
  [[nodiscard]] virtual double learning_rate() const = 0;

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

/// A network type on a backend, with an augmentation, as a Classifier.
template <class Net, class Backend, class Augmentation = NoAugment, class Optimizer = Adam>
class ClassifierOf final : public Classifier {
 public:
  explicit ClassifierOf(std::vector<float> parameters, int capacity = 32, std::uint64_t seed = 0,
                        Optimizer optimizer = {})
      : model_(std::move(parameters), capacity), trainer_(model_, optimizer, seed) {}

  const Description& description() const override { return description_of<Net>; }
  std::string_view backend() const override { return Backend::name; }
  std::vector<Algorithm> algorithms() const override { return model_.algorithms(); }
  int capacity() const override { return model_.capacity(); }

  PrepareFunction prepare() const override { return &cxrnet::prepare<NoAugment, Preprocess>; }
  PrepareFunction prepare_augmented() const override { return &cxrnet::prepare<Augmentation, Preprocess>; }
  Draws draws() const override { return draws_of<Augmentation>; }
  bool static_images() const override { return std::is_same_v<Augmentation, NoAugment>; }

  void features(std::span<const float> prepared, std::span<float> features, Profile* profile) const override {
    model_.features_of_prepared(prepared, features, profile);
  }
  void predict(std::span<const float> features, std::span<float> probabilities) const override {
    model_.predict_features(features, probabilities);
  }
  StepResult step(std::span<const float> features, std::span<const int> labels) override {
    return trainer_.step(features, labels);
  }

  void set_profile(Profile* profile) override { trainer_.set_profile(profile); }

  std::span<const float> parameters() const override { return model_.parameters(); }
  void set_parameters(std::span<const float> parameters) override {
    model_.set_parameters([&](std::span<float> mine) {
      if (mine.size() != parameters.size()) throw ArgumentError("A network takes exactly its number of parameters.");
      std::copy(parameters.begin(), parameters.end(), mine.begin());
    });
  }
  double learning_rate() const override { return trainer_.optimizer.learning_rate; }

  Memory memory() const override {
    using Training = Trainer<Net, Backend, Optimizer>;
    return {model_.arena_bytes(model_.capacity()), model_.packed_bytes(),       model_.workspace_bytes(),
            Training::gradient_bytes,              Training::optimizer_bytes, Training::arena_bytes(model_.capacity())};
  }
  std::span<const op::Operation> fused() const override { return Rewrite<Net, Backend, Mode::inference>::operations; }
  std::span<const op::Operation> trained() const override { return Rewrite<Net, Backend, Mode::training>::head; }

 private:
  using Preprocess = typename Traits<Net>::Preprocess;
  Model<Net, Backend> model_;
  Trainer<Net, Backend, Optimizer> trainer_;
};

}  // namespace cxrnet
