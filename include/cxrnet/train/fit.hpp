#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/schedule.hpp>
#include <cxrnet/train/callbacks.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/features.hpp>
#include <cxrnet/train/fit_options.hpp>
#include <cxrnet/train/history.hpp>
#include <cxrnet/train/training_features.hpp>
#include <cxrnet/train/training_state.hpp>
#include <cxrnet/train/validation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet {

namespace detail {

/// The training run of `fit`.
class Fitting {
 public:
  Fitting(Classifier& net, const ImageDataset& train, const ImageDataset* validation, const FitOptions& options,
          Callbacks& callbacks)
      : net_(net),
        train_(train),
        options_(options),
        callbacks_(callbacks),
        schedule_(schedule()),
        features_(net, train, schedule_, options),
        run_(net, plan(validation), [&callbacks] { return callbacks.states(); }) {
    check(train);
    if (validation != nullptr) {
      check(*validation);
      validation_.emplace(net, *validation, options.feature_memory, feature_options(options));
    }
    if (options.resume != nullptr) resume(*options.resume);
  }

  FitResult run() {
    hook([&](Callback& c) { c.train_begin(run_); });
    if (features_.once() && more()) {
      hook([&](Callback& c) { c.features_begin(run_, train_.size()); });
      features_.compute_once();
    }
    run_epochs();
    hook([&](Callback& c) { c.train_end(run_); });
    auto& epochs = result_.history.epochs;  // has the last, where its validation was cut short
    epochs.insert(epochs.begin(), run_.history().epochs.begin(), run_.history().epochs.end());
    result_.stop_reason = run_.stop_reason();
    result_.waiting_seconds = features_.waiting_seconds();
    result_.backbone_seconds = features_.backbone_seconds() + (validation_ ? validation_->seconds() : 0);
    return std::move(result_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Schedule schedule() const {
    if (options_.views == 0) return fresh_schedule();
    if (options_.views < 0 || net_.static_images() || features_are_images(net_.description())) {
      throw ArgumentError("A bank of views needs at least 1, images that are augmented, and layers before the first that "
                          "trains: FitOptions::views is 0 where there is none.");
    }
    return fresh_schedule().with_views(static_cast<std::uint32_t>(options_.views));
  }

  [[nodiscard]] Schedule fresh_schedule() const {
    const ImageSize size = train_.image_size();
    if (options_.sampling == Sampling::natural) {
      return options_.random_numbers == RandomNumbers::keras ? Schedule::keras(options_.seed, net_.draws(), size)
                                                             : Schedule::counter(options_.seed, net_.draws(), size);
    }
    if (options_.random_numbers == RandomNumbers::keras) {
      throw ArgumentError("Keras's generator has no balanced sampling: use the counter's random numbers.");
    }
    return Schedule::balanced(options_.seed, net_.draws(), size, labels_of(train_));
  }

  [[nodiscard]] TrainingRun::Plan plan(const ImageDataset* validation) const {
    if (options_.epochs < 1 || options_.batch < 1 || options_.batch > static_cast<std::size_t>(net_.capacity())) {
      throw ArgumentError("Training needs at least 1 epoch and batches of 1 to " + std::to_string(net_.capacity()) +
                          " images.");
    }
    const auto& weights = options_.class_weights;
    const auto usable = [](float weight) { return std::isfinite(weight) && weight >= 0; };
    if (!weights.empty() && (weights.size() != train_.classes().size() || train_.labelling() != Labelling::one ||
                             !std::ranges::all_of(weights, usable))) {
      throw ArgumentError("Class weights are one for each of the " + std::to_string(train_.classes().size()) +
                          " classes, none below 0, and need images of one class each.");
    }
    const std::size_t samples = schedule_.epoch_size(train_.size());
    return {options_.epochs, (samples + options_.batch - 1) / options_.batch, validation != nullptr};
  }

  /// ArgumentError where the network takes other images, or has fewer classes.
  void check(const ImageDataset& images) const {
    const Description& network = net_.description();
    const ImageSize size = images.image_size();
    if (network.input != image_dims(size.height, size.width, 3)) {
      throw ArgumentError("The network takes images of " + std::to_string(network.input.height) + " x " +
                          std::to_string(network.input.width) + " x " + std::to_string(network.input.channels) +
                          ", the data set '" + images.root().string() + "' gives " + std::to_string(size.height) +
                          " x " + std::to_string(size.width) + " x 3: set DatasetOptions::size.");
    }
    std::vector<float> row(network.output.size());
    images.target(0, row);
  }

  void resume(const TrainingState& state) {
    const std::size_t samples = std::min(state.batches * options_.batch, schedule_.epoch_size(train_.size()));
    if (state.epoch < 0 || state.batches > run_.steps_per_epoch() || state.samples != samples ||
        state.history.epochs.size() != static_cast<std::size_t>(state.epoch)) {
      throw ArgumentError("The run to resume has seen " + std::to_string(state.samples) + " images in " +
                          std::to_string(state.batches) + " batches of its epoch, which no run on these " +
                          std::to_string(train_.size()) + " images in batches of " + std::to_string(options_.batch) +
                          " has: resume with the data and the batch that it began with.");
    }
    if (state.epoch + (state.batches > 0 ? 1 : 0) > options_.epochs) {
      throw ArgumentError("The run to resume has made " + std::to_string(state.epoch) + " epochs and " +
                          std::to_string(state.batches) + " steps, more than the " + std::to_string(options_.epochs) +
                          " epochs asked for.");
    }
    std::vector<float> parameters(net_.parameters().begin(), net_.parameters().end());
    put_changing_parameters(net_.description(), state.parameters, parameters);
    net_.restore(parameters, state.optimizer_state, state.steps);
    net_.set_learning_rate(state.learning_rate);
    callbacks_.restore(state.callbacks);
    run_.completed_ = run_.epoch_ = state.epoch;
    run_.step_ = state.batches;
    run_.samples_ = state.samples;
    run_.sums_ = state.sums;
    run_.history_ = state.history;
  }

  /// Whether there is anything to do; not where it was asked to stop.
  bool more() {
    if (options_.stop != nullptr && *options_.stop) {
      run_.stop("it was asked to stop");
      result_.stopped = true;
    }
    return !run_.stopping() && run_.completed_ < options_.epochs;
  }

  void run_epochs() {
    while (more()) {
      epoch_start_ = Clock::now();
      run_.epoch_ = run_.completed_ + 1;
      hook([&](Callback& c) { c.epoch_begin(run_); });
      const auto epoch = static_cast<std::uint32_t>(run_.completed_);
      while (run_.step_ < run_.steps_per_epoch() && more()) {
        if (features_.stay(epoch)) step_on_images(epoch);
        else step(epoch);
      }
      if (std::exchange(ahead_, std::nullopt)) net_.stage({});  // it was stopped before that one
      if (run_.step_ < run_.steps_per_epoch()) return;
      end_epoch();
    }
  }

  void step(std::uint32_t epoch) {
    hook([&](Callback& c) { c.batch_begin(run_); });
    const TrainingFeatures::Step batch = features_.next(epoch, run_.step_);
    describe(batch.indices);
    const auto start = Clock::now();
    const StepResult now = net_.step(batch.features, targets_, weights_);
    result_.step_seconds += seconds(start, Clock::now());
    count(now, batch.indices);
  }

  /// A step that begins with images, while the next one's are brought along.
  void step_on_images(std::uint32_t epoch) {
    hook([&](Callback& c) { c.batch_begin(run_); });
    if (!ahead_) stage(epoch, run_.step_);
    if (ahead_->failure) std::rethrow_exception(ahead_->failure);
    const std::vector<std::uint32_t> indices = std::move(ahead_->indices);
    ahead_.reset();
    describe(indices);
    const auto start = Clock::now();
    const double waited = features_.waiting_seconds();
    net_.begin_step(targets_, weights_);
    if (run_.step_ + 1 < run_.steps_per_epoch()) stage(epoch, run_.step_ + 1);
    const StepResult now = net_.end_step();
    result_.step_seconds += seconds(start, Clock::now()) - (features_.waiting_seconds() - waited);
    count(now, indices);
  }
  /// What fails is for the step that it belongs to.
  void stage(std::uint32_t epoch, std::size_t step) {
    ahead_.emplace();
    try {
      ahead_->indices = features_.stage(epoch, step, net_);
    } catch (...) {
      ahead_->failure = std::current_exception();
    }
  }

  /// Targets and weights of a batch.
  void describe(std::span<const std::uint32_t> indices) {
    const std::size_t outputs = net_.description().output.size();
    targets_.resize(indices.size() * outputs);
    weights_.clear();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      train_.target(indices[i], std::span(targets_).subspan(i * outputs, outputs));
      if (options_.class_weights.empty()) continue;
      weights_.push_back(options_.class_weights[static_cast<std::size_t>(train_.label(indices[i]))]);
    }
  }

  void count(const StepResult& now, std::span<const std::uint32_t> indices) {
    if (!std::isfinite(now.loss_sum)) fail(indices);
    ++result_.steps;
    ++run_.step_;
    run_.sums_.loss_sum += now.loss_sum;
    run_.sums_.correct += now.correct;
    run_.samples_ += indices.size();
    hook([&](Callback& c) { c.batch_end(run_); });
    resumable();
  }

  void end_epoch() {
    EpochRecord record{.epoch = run_.epoch_, .loss = run_.loss(), .accuracy = run_.accuracy()};
    record.learning_rate = net_.learning_rate();
    if (validation_) hook([&](Callback& c) { c.validation_begin(run_); });
    const bool whole = !validation_ || validation_->measure(record);
    record.seconds = seconds(epoch_start_, Clock::now());
    if (!whole) {  // resumed, it is validated
      result_.history.epochs.push_back(record);
      resumable();
      return;
    }
    run_.history_.epochs.push_back(record);
    hook([&](Callback& c) { c.epoch_end(run_, record); });
    ++run_.completed_;
    run_.step_ = 0;
    run_.samples_ = 0;
    run_.sums_ = {};
    resumable();
  }

  void resumable() {
    static_cast<void>(more());  // so that callbacks know of a stop
    run_.resumable_ = true;
    hook([&](Callback& c) { c.resumable(run_); });
    run_.resumable_ = false;
  }

  template <class Call>
  void hook(const Call& call) {
    callbacks_.for_each(call);
  }

  [[noreturn]] void fail(std::span<const std::uint32_t> indices) const {
    std::string names;
    for (const std::uint32_t index : indices) names += (names.empty() ? "" : ", ") + train_.name(index);
    throw TrainingError("The loss is not finite after a batch of these images, so training stopped: " + names +
                        ". Look at them, or lower the learning rate.");
  }

  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  Classifier& net_;
  const ImageDataset& train_;
  const FitOptions& options_;
  Callbacks& callbacks_;
  Schedule schedule_;
  TrainingFeatures features_;
  TrainingRun run_;
  std::optional<Validation> validation_;
  FitResult result_;
  Clock::time_point epoch_start_;
  std::vector<float> targets_;  // of a batch, as their weights
  std::vector<float> weights_;
  struct Ahead {
    std::vector<std::uint32_t> indices;
    std::exception_ptr failure;
  };
  std::optional<Ahead> ahead_;  // the step whose images were staged
};

}  // namespace detail

/// Trains `net` on labelled images as Keras's `fit` does: shuffled and augmented batches, validation (may be null)
/// after each epoch. Throws what reading the images or a callback throws, ArgumentError where data, network and options
/// do not go together, and TrainingError where the loss is not finite.
inline FitResult fit(Classifier& net, const ImageDataset& train, const ImageDataset* validation,
                     const FitOptions& options = {}, Callbacks callbacks = {}) {
  return detail::Fitting(net, train, validation, options, callbacks).run();
}

}  // namespace cxrnet
