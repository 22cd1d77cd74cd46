#pragma once
#include <cxrnet/core/model.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cxrnet {

/// A model's part before the cut on a backend that samples images itself: a batch is brought there while the one before runs, and
/// features come to the host, or stay for a Trainer that goes on from them. What it holds is free again when it ends.
template <class Net, class Backend>
class Ahead {
  using T = Traits<Net>;

 public:
  explicit Ahead(const Model<Net, Backend>& model) : model_(&model), lease_(model.lease()), execution_(lease_.get()) {}

  /// Begins to bring decoded images (RGB) and their maps; they may change once it has returned.
  template <class Map>
  void stage(std::span<const std::uint8_t> rgb, std::span<const Map> maps) {
    const std::size_t n = model_->count(rgb.size(), T::input, "decoded images");
    if (n < 1 || n > static_cast<std::size_t>(model_->capacity_) || maps.size() != n) {
      throw ArgumentError("A batch that is staged holds 1 to " + std::to_string(model_->capacity_) + " images, and a map for each.");
    }
    staging().stage(rgb.data(), maps.data(), static_cast<int>(n));
  }
  /// Begins the forward of what was staged last.
  auto& run() { return staging().forward(); }

  /// Begins a batch's features, as `stage` and `run`. Of those that were given two are untaken at most.
  template <class Map>
  void give(std::span<const std::uint8_t> rgb, std::span<const Map> maps) {
    if (untaken_[1] != nullptr) throw ArgumentError("Two batches of features are under way: take the first before a third is given.");
    stage(rgb, maps);
    Batch& given = run();
    staging().receive_later(given);
    untaken_[untaken_[0] == nullptr ? 0 : 1] = &given;
  }
  /// The features of the batch that was given first, n x features; n. ArgumentError where there is none, or no room for them.
  std::size_t take(std::span<float> features) {
    Batch* const given = untaken_[0];
    const std::size_t n = given == nullptr ? 0 : static_cast<std::size_t>(given->size());
    if (n == 0 || features.size() < n * T::features.size()) {
      throw ArgumentError("Features are taken of a batch that was given, into room for all of them.");
    }
    untaken_ = {untaken_[1], nullptr};
    staging().receive(*given, features.data());
    return n;
  }
  /// Class probabilities from features, as Model::predict_features.
  void predict(std::span<const float> features, std::span<float> probabilities) {
    model_->update_head();
    model_->predict_features(*execution_, features, probabilities);
  }

  [[nodiscard]] const auto& program() const { return model_->backbone_; }
  [[nodiscard]] auto& context() { return execution_->backbone; }

 private:
  friend Model<Net, Backend>;
  using Batch = typename Backend::Program::Staging::Batch;
  using Execution = typename Model<Net, Backend>::Execution;
  Ahead(const Model<Net, Backend>& model, Execution& execution) : model_(&model), execution_(&execution) {}
  [[nodiscard]] auto& staging() { return program().staging(context()); }

  const Model<Net, Backend>* model_;
  typename Model<Net, Backend>::Lease lease_;
  Execution* execution_;
  std::array<Batch*, 2> untaken_{};
};

}  // namespace cxrnet
