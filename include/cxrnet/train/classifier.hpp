#pragma once
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cxrnet {

/// All of a Classifier but its augmentation. Its functions are defined below it, so that programs with many
/// augmentations of a network compile it once: `extern template class ClassifierCore<Net, Cpu>;` in a header, and
/// `template class ClassifierCore<Net, Cpu>;` in one source.
template <class Net, class Backend, class Optimizer = Adam, class Loss = CategoricalCrossentropy>
class ClassifierCore : public Classifier {
 public:
  ClassifierCore(std::vector<float> parameters, int capacity, std::uint64_t seed, Optimizer optimizer, Loss loss,
                 Clip clip);

  const Description& description() const final;
  std::string_view backend() const final;
  std::vector<Algorithm> algorithms() const final;
  std::vector<Algorithm> training_algorithms() const final;
  int capacity() const final;
  void features(const PreparedImages& prepared, std::span<float> features, Profile* profile) const final;
  std::unique_ptr<FeaturesAhead> features_ahead() const final;
  void predict(std::span<const float> features, std::span<float> probabilities) const final;
  StepResult step(std::span<const float> features, std::span<const float> targets,
                  std::span<const float> weights = {}) final;
  bool stages() const final { return Training::stages; }
  void stage(const PreparedImages& prepared) final;
  void begin_step(std::span<const float> targets, std::span<const float> weights = {}) final;
  StepResult end_step() final;
  StepResult score(std::span<const float> probabilities, std::span<const float> targets) const final;
  void release_workspace() const final { model_.release_workspace(); }
  void set_profile(Profile* profile) final;
  std::span<const float> parameters() const final;
  void set_parameters(std::span<const float> parameters) final;
  double learning_rate() const final;
  void set_learning_rate(double rate) final;
  void set_group_rate(std::string_view group, double factor) final;
  std::uint64_t steps() const final;
  std::span<const float> optimizer_state() const final;
  void restore(std::span<const float> parameters, std::span<const float> optimizer_state, std::uint64_t steps) final;
  std::string_view optimizer_name() const final;
  std::string_view loss_name() const final;
  Memory memory() const final;
  std::span<const op::Operation> fused() const final;
  std::span<const op::Operation> trained() const final;

 private:
  using Training = Trainer<Net, Backend, Optimizer, Loss>;
  Model<Net, Backend> model_;
  Training trainer_;
};

/// A network type on a backend, with an augmentation, an optimiser and a loss, as a Classifier.
template <class Net, class Backend, class Augmentation = NoAugment, class Optimizer = Adam,
          class Loss = CategoricalCrossentropy>
class ClassifierOf final : public ClassifierCore<Net, Backend, Optimizer, Loss> {
 public:
  explicit ClassifierOf(std::vector<float> parameters, int capacity = 32, std::uint64_t seed = 0,
                        Optimizer optimizer = {}, Loss loss = {}, Clip clip = {})
      : ClassifierCore<Net, Backend, Optimizer, Loss>(std::move(parameters), capacity, seed, optimizer, loss, clip) {}

  Preparation prepare() const override { return preparation<NoAugment>(); }
  Preparation prepare_augmented() const override { return preparation<Augmentation>(); }
  Draws draws() const override { return draws_of<Augmentation>; }
  bool static_images() const override { return std::is_same_v<Augmentation, NoAugment>; }

 private:
  template <class Transforms>
  static Preparation preparation() {
    if constexpr (Traits<Net>::input_precision == op::Precision::int8) return &prepare_bytes<Transforms>;
    else if constexpr (samples_images<Net, Backend>) return &prepare_map<Transforms>;
    else return &cxrnet::prepare<Transforms, typename Traits<Net>::Preprocess>;
  }
};

template <class Net, class Backend, class Optimizer, class Loss>
ClassifierCore<Net, Backend, Optimizer, Loss>::ClassifierCore(std::vector<float> parameters, int capacity,
                                                              std::uint64_t seed, Optimizer optimizer, Loss loss,
                                                              Clip clip)
    : model_(std::move(parameters), capacity), trainer_(model_, optimizer, seed, loss, clip) {}

template <class Net, class Backend, class Optimizer, class Loss>
const Description& ClassifierCore<Net, Backend, Optimizer, Loss>::description() const {
  return description_of<Net>;
}

template <class Net, class Backend, class Optimizer, class Loss>
std::string_view ClassifierCore<Net, Backend, Optimizer, Loss>::backend() const {
  return Backend::name;
}

template <class Net, class Backend, class Optimizer, class Loss>
std::vector<Algorithm> ClassifierCore<Net, Backend, Optimizer, Loss>::algorithms() const {
  return model_.algorithms();
}

template <class Net, class Backend, class Optimizer, class Loss>
std::vector<Algorithm> ClassifierCore<Net, Backend, Optimizer, Loss>::training_algorithms() const {
  return trainer_.algorithms();
}

template <class Net, class Backend, class Optimizer, class Loss>
int ClassifierCore<Net, Backend, Optimizer, Loss>::capacity() const {
  return model_.capacity();
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::features(const PreparedImages& prepared, std::span<float> features,
                                                              Profile* profile) const {
  if constexpr (Traits<Net>::input_precision == op::Precision::int8) {
    model_.features_of_prepared(prepared.bytes, features, profile);
  } else {
    if constexpr (samples_images<Net, Backend>) {
      if (!prepared.maps.empty()) return model_.features_of_decoded(prepared.bytes, prepared.maps, features, profile);
    }
    model_.features_of_prepared(prepared.floats, features, profile);
  }
}

template <class Net, class Backend, class Optimizer, class Loss>
std::unique_ptr<FeaturesAhead> ClassifierCore<Net, Backend, Optimizer, Loss>::features_ahead() const {
  if constexpr (stages_images<Net, Backend>) {
    class OfModel final : public FeaturesAhead {
     public:
      explicit OfModel(const Model<Net, Backend>& model) : ahead_(model) {}
      void give(const PreparedImages& batch) override { ahead_.give(batch.bytes, batch.maps); }
      void take(std::span<float> features) override { ahead_.take(features); }
      void predict(std::span<const float> features, std::span<float> probabilities) override { ahead_.predict(features, probabilities); }

     private:
      Ahead<Net, Backend> ahead_;
    };
    return std::make_unique<OfModel>(model_);
  }
  return nullptr;
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::predict(std::span<const float> features,
                                                             std::span<float> probabilities) const {
  model_.predict_features(features, probabilities);
}

template <class Net, class Backend, class Optimizer, class Loss>
StepResult ClassifierCore<Net, Backend, Optimizer, Loss>::step(std::span<const float> features,
                                                                std::span<const float> targets,
                                                                std::span<const float> weights) {
  return trainer_.step(features, targets, weights);
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::stage(const PreparedImages& prepared) {
  if constexpr (Training::stages) trainer_.stage(prepared.bytes, prepared.maps);
  else throw ArgumentError("This backend's steps begin with features, not with images.");
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::begin_step(std::span<const float> targets, std::span<const float> weights) {
  if constexpr (Training::stages) trainer_.begin_step(targets, weights);
  else throw ArgumentError("This backend's steps begin with features, not with images.");
}

template <class Net, class Backend, class Optimizer, class Loss>
StepResult ClassifierCore<Net, Backend, Optimizer, Loss>::end_step() {
  if constexpr (Training::stages) return trainer_.end_step();
  else throw ArgumentError("This backend's steps begin with features, not with images.");
}

template <class Net, class Backend, class Optimizer, class Loss>
StepResult ClassifierCore<Net, Backend, Optimizer, Loss>::score(std::span<const float> probabilities,
                                                                 std::span<const float> targets) const {
  constexpr std::size_t width = Traits<Net>::output.size();
  if (probabilities.size() != targets.size() || targets.size() % width != 0) {
    throw ArgumentError("A score is of " + std::to_string(width) + " probabilities and as many targets for each sample.");
  }
  return cxrnet::score(trainer_.loss, targets.size() / width, probabilities, targets);
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::set_profile(Profile* profile) {
  trainer_.set_profile(profile);
}

template <class Net, class Backend, class Optimizer, class Loss>
std::span<const float> ClassifierCore<Net, Backend, Optimizer, Loss>::parameters() const {
  return model_.parameters();
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::set_parameters(std::span<const float> parameters) {
  if (parameters.size() != Traits<Net>::parameter_count) {
    throw ArgumentError("A network takes exactly its number of parameters, " +
                        std::to_string(Traits<Net>::parameter_count) + ", not " + std::to_string(parameters.size()) + ".");
  }
  model_.set_parameters([&](std::span<float> mine) { std::copy(parameters.begin(), parameters.end(), mine.begin()); });
}

template <class Net, class Backend, class Optimizer, class Loss>
double ClassifierCore<Net, Backend, Optimizer, Loss>::learning_rate() const {
  return trainer_.optimizer.learning_rate;
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::set_learning_rate(double rate) {
  if (!std::isfinite(rate) || rate < 0) throw ArgumentError("A learning rate is finite and not below 0.");
  trainer_.optimizer.learning_rate = rate;
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::set_group_rate(std::string_view group, double factor) {
  trainer_.set_group_rate(group, factor);
}

template <class Net, class Backend, class Optimizer, class Loss>
std::uint64_t ClassifierCore<Net, Backend, Optimizer, Loss>::steps() const {
  return trainer_.steps();
}

template <class Net, class Backend, class Optimizer, class Loss>
std::span<const float> ClassifierCore<Net, Backend, Optimizer, Loss>::optimizer_state() const {
  return trainer_.optimizer_state();
}

template <class Net, class Backend, class Optimizer, class Loss>
void ClassifierCore<Net, Backend, Optimizer, Loss>::restore(std::span<const float> parameters,
                                                             std::span<const float> optimizer_state, std::uint64_t steps) {
  if (parameters.size() == Traits<Net>::parameter_count) trainer_.restore(optimizer_state, steps);
  set_parameters(parameters);
}

template <class Net, class Backend, class Optimizer, class Loss>
std::string_view ClassifierCore<Net, Backend, Optimizer, Loss>::optimizer_name() const {
  return Optimizer::name;
}

template <class Net, class Backend, class Optimizer, class Loss>
std::string_view ClassifierCore<Net, Backend, Optimizer, Loss>::loss_name() const {
  return Loss::name;
}

template <class Net, class Backend, class Optimizer, class Loss>
Classifier::Memory ClassifierCore<Net, Backend, Optimizer, Loss>::memory() const {
  return {model_.arena_bytes(model_.capacity()), model_.packed_bytes(),       model_.workspace_bytes(),
          Training::gradient_bytes,              Training::optimizer_bytes, Training::arena_bytes(model_.capacity())};
}

template <class Net, class Backend, class Optimizer, class Loss>
std::span<const op::Operation> ClassifierCore<Net, Backend, Optimizer, Loss>::fused() const {
  return Rewrite<Net, Backend, Mode::inference>::operations;
}

template <class Net, class Backend, class Optimizer, class Loss>
std::span<const op::Operation> ClassifierCore<Net, Backend, Optimizer, Loss>::trained() const {
  return Rewrite<Net, Backend, Mode::training>::head;
}

}  // namespace cxrnet
