#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/training_state.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cxrnet {

class Callbacks;
namespace detail {
class Fitting;
}

/// A training run as its callbacks see it, and what they may do with it.
class TrainingRun {
 public:
  struct Plan {
    int epochs = 1;
    std::size_t steps = 1;  ///< in each epoch
    bool validates = false;
  };

  /// `fit` makes one; tests of a callback may too.
  TrainingRun(Classifier& classifier, Plan plan, Callbacks* callbacks = nullptr)
      : classifier_(&classifier), plan_(plan), callbacks_(callbacks) {}

  /// Its rates and parameters may be changed in any hook.
  [[nodiscard]] Classifier& classifier() { return *classifier_; }
  [[nodiscard]] const Classifier& classifier() const { return *classifier_; }

  [[nodiscard]] int epochs() const { return plan_.epochs; }
  [[nodiscard]] std::size_t steps_per_epoch() const { return plan_.steps; }
  /// Whether there is a validation set.
  [[nodiscard]] bool validates() const { return plan_.validates; }

  /// Of the epoch under way: its number from 1, steps made, samples seen, and their mean loss and accuracy.
  [[nodiscard]] int epoch() const { return epoch_; }
  [[nodiscard]] std::size_t step() const { return step_; }
  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] double loss() const { return sums_.loss_sum / static_cast<double>(samples_); }
  [[nodiscard]] double accuracy() const { return static_cast<double>(sums_.correct) / static_cast<double>(samples_); }

  /// The epochs completed.
  [[nodiscard]] const History& history() const { return history_; }

  /// Ends training before the next step; after an epoch's last step, once it has been validated. The first reason
  /// stands.
  void stop(std::string reason) {
    if (!stopping()) reason_ = std::move(reason);
  }
  [[nodiscard]] bool stopping() const { return !reason_.empty(); }
  [[nodiscard]] const std::string& stop_reason() const { return reason_; }

  /// Everything that training continues from. Only in Callback::resumable, ArgumentError elsewhere.
  [[nodiscard]] TrainingState snapshot() const;

 private:
  friend class detail::Fitting;

  Classifier* classifier_;
  Plan plan_;
  Callbacks* callbacks_;
  int epoch_ = 0;
  int completed_ = 0;  // epochs
  std::size_t step_ = 0;
  std::size_t samples_ = 0;
  StepResult sums_;
  History history_;
  std::string reason_;
  bool resumable_ = false;
};

/// What is called while a network trains. A callback need not derive from this: see `Callbacks`. Hooks of several are
/// called in the order in which they are listed; what a hook throws ends the run.
class Callback {
 public:
  Callback() = default;
  virtual ~Callback() = default;

  /// Once, after `restore` where a run is resumed.
  virtual void train_begin(TrainingRun&) {}
  /// Where no image ever changes: the features of so many are computed, once.
  virtual void features_begin(TrainingRun&, std::size_t /*images*/) {}
  /// Also where a run is resumed within an epoch, with `step()` steps made.
  virtual void epoch_begin(TrainingRun&) {}
  virtual void batch_begin(TrainingRun&) {}
  virtual void batch_end(TrainingRun&) {}
  virtual void validation_begin(TrainingRun&) {}
  /// `record` is the last of the run's history.
  virtual void epoch_end(TrainingRun&, const EpochRecord&) {}
  /// After a step, and again after an epoch, once every callback has seen it: the points a run can be resumed from,
  /// where `snapshot()` may be called. Where `stopping()`, the last before `train_end`.
  virtual void resumable(TrainingRun&) {}
  /// However the run ends, unless by an exception.
  virtual void train_end(TrainingRun&) {}

  /// Under which its state is kept.
  [[nodiscard]] virtual std::string_view name() const { return {}; }
  /// All that its later decisions depend on; `restore` takes it in a run that is resumed.
  [[nodiscard]] virtual CallbackState state() const { return {}; }
  virtual void restore(const CallbackState&) {}

 protected:
  Callback(const Callback&) = default;
  Callback(Callback&&) = default;
  Callback& operator=(const Callback&) = default;
  Callback& operator=(Callback&&) = default;
};

namespace detail {

template <class C>
concept OnTrainBegin = requires(C& c, TrainingRun& run) { c.train_begin(run); };
template <class C>
concept OnFeaturesBegin = requires(C& c, TrainingRun& run, std::size_t images) { c.features_begin(run, images); };
template <class C>
concept OnEpochBegin = requires(C& c, TrainingRun& run) { c.epoch_begin(run); };
template <class C>
concept OnBatchBegin = requires(C& c, TrainingRun& run) { c.batch_begin(run); };
template <class C>
concept OnBatchEnd = requires(C& c, TrainingRun& run) { c.batch_end(run); };
template <class C>
concept OnValidationBegin = requires(C& c, TrainingRun& run) { c.validation_begin(run); };
template <class C>
concept OnEpochEnd = requires(C& c, TrainingRun& run, const EpochRecord& record) { c.epoch_end(run, record); };
template <class C>
concept OnResumable = requires(C& c, TrainingRun& run) { c.resumable(run); };
template <class C>
concept OnTrainEnd = requires(C& c, TrainingRun& run) { c.train_end(run); };
template <class C>
concept CallsWithRecord = std::is_invocable_v<C&, const EpochRecord&>;
template <class C>
concept CallsWithRun = std::is_invocable_v<C&, TrainingRun&, const EpochRecord&>;
template <class C>
concept HasState = requires(C& c, const C& same, const CallbackState& state) {
  { same.name() } -> std::convertible_to<std::string_view>;
  { same.state() } -> std::convertible_to<CallbackState>;
  c.restore(state);
};

/// Any type with some of the hooks, or a callable, as a Callback. `C` is a value, or a reference.
template <class C, class Type = std::remove_reference_t<C>>
class CallbackOf final : public Callback {
  static_assert(OnTrainBegin<Type> || OnFeaturesBegin<Type> || OnEpochBegin<Type> || OnBatchBegin<Type> ||
                    OnBatchEnd<Type> || OnValidationBegin<Type> || OnEpochEnd<Type> || OnResumable<Type> ||
                    OnTrainEnd<Type> || CallsWithRecord<Type> || CallsWithRun<Type>,
                "cxrnet: a callback has one of cxrnet::Callback's hooks, or is called with (const EpochRecord&) or "
                "(TrainingRun&, const EpochRecord&)");
  // A hook that would never be called for its arguments.
  static_assert((OnTrainBegin<Type> || !requires { &Type::train_begin; }) &&
                    (OnFeaturesBegin<Type> || !requires { &Type::features_begin; }) &&
                    (OnEpochBegin<Type> || !requires { &Type::epoch_begin; }) &&
                    (OnBatchBegin<Type> || !requires { &Type::batch_begin; }) &&
                    (OnBatchEnd<Type> || !requires { &Type::batch_end; }) &&
                    (OnValidationBegin<Type> || !requires { &Type::validation_begin; }) &&
                    (OnEpochEnd<Type> || !requires { &Type::epoch_end; }) &&
                    (OnResumable<Type> || !requires { &Type::resumable; }) &&
                    (OnTrainEnd<Type> || !requires { &Type::train_end; }) &&
                    (HasState<Type> || !requires { &Type::restore; }),
                "cxrnet: this callback has a hook that takes something else than cxrnet::Callback's of that name, or "
                "not all of name(), state() and restore()");

 public:
  explicit CallbackOf(C&& callback) : callback_(std::forward<C>(callback)) {}

  void train_begin(TrainingRun& run) override {
    if constexpr (OnTrainBegin<Type>) callback_.train_begin(run);
  }
  void features_begin(TrainingRun& run, std::size_t images) override {
    if constexpr (OnFeaturesBegin<Type>) callback_.features_begin(run, images);
  }
  void epoch_begin(TrainingRun& run) override {
    if constexpr (OnEpochBegin<Type>) callback_.epoch_begin(run);
  }
  void batch_begin(TrainingRun& run) override {
    if constexpr (OnBatchBegin<Type>) callback_.batch_begin(run);
  }
  void batch_end(TrainingRun& run) override {
    if constexpr (OnBatchEnd<Type>) callback_.batch_end(run);
  }
  void validation_begin(TrainingRun& run) override {
    if constexpr (OnValidationBegin<Type>) callback_.validation_begin(run);
  }
  void epoch_end(TrainingRun& run, const EpochRecord& record) override {
    if constexpr (OnEpochEnd<Type>) {
      callback_.epoch_end(run, record);
    } else if constexpr (CallsWithRun<Type>) {
      callback_(run, record);
    } else if constexpr (CallsWithRecord<Type>) {
      callback_(record);
    }
  }
  void resumable(TrainingRun& run) override {
    if constexpr (OnResumable<Type>) callback_.resumable(run);
  }
  void train_end(TrainingRun& run) override {
    if constexpr (OnTrainEnd<Type>) callback_.train_end(run);
  }

  [[nodiscard]] std::string_view name() const override {
    if constexpr (HasState<Type>) return std::as_const(callback_).name();
    return {};
  }
  [[nodiscard]] CallbackState state() const override {
    if constexpr (HasState<Type>) return std::as_const(callback_).state();
    return {};
  }
  void restore(const CallbackState& state) override {
    if constexpr (HasState<Type>) callback_.restore(state);
  }

 private:
  C callback_;
};

}  // namespace detail

/// The callbacks of a run, in order: `Callbacks{EarlyStopping{.patience = 3}, progress, [](const EpochRecord& r) {...}}`.
/// Each is of any type with some of Callback's hooks, or is called with (const EpochRecord&) or (TrainingRun&, const
/// EpochRecord&) when an epoch ends. A temporary is kept; an lvalue is referred to, and must outlive the run.
class Callbacks {
 public:
  template <class... C>
    requires(!std::is_same_v<std::remove_cvref_t<C>, Callbacks> && ...)
  Callbacks(C&&... callbacks) {  // NOLINT(google-explicit-constructor): fit(..., {a, b})
    (add(std::forward<C>(callbacks)), ...);
  }

  template <class C>
  void add(C&& callback) {
    all_.push_back(std::make_unique<detail::CallbackOf<C>>(std::forward<C>(callback)));
  }

  /// `visit(Callback&)` for each, in order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& callback : all_) visit(*callback);
  }

  /// What those with a name carry.
  [[nodiscard]] std::map<std::string, CallbackState> states() const {
    std::map<std::string, CallbackState> states;
    for_each_named([&](const std::string& key, const Callback& callback) { states[key] = callback.state(); });
    return states;
  }

  /// Gives each what it carried; one that is new to the run begins afresh. ArgumentError where there is a state for
  /// none of them.
  void restore(const std::map<std::string, CallbackState>& states) {
    std::size_t taken = 0;
    std::string names;
    for_each_named([&](const std::string& key, Callback& callback) {
      names += (names.empty() ? "" : ", ") + key;
      const auto found = states.find(key);
      if (found == states.end()) return;
      callback.restore(found->second);
      ++taken;
    });
    if (taken == states.size()) return;
    std::string kept;
    for (const auto& entry : states) kept += (kept.empty() ? "" : ", ") + entry.first;
    throw ArgumentError("The run to resume had the callbacks " + kept + ", this one has " +
                        (names.empty() ? "none with a state" : names) +
                        ": list the same, or erase from TrainingState::callbacks what is to be forgotten.");
  }

 private:
  /// `visit(key, callback)`: the name, with " 2", " 3"... behind one met before.
  template <class Visit>
  void for_each_named(const Visit& visit) const {
    std::map<std::string, int, std::less<>> met;
    for (const auto& callback : all_) {
      const std::string name(callback->name());
      if (name.empty()) continue;
      const int times = ++met[name];
      visit(times == 1 ? name : name + " " + std::to_string(times), *callback);
    }
  }

  std::vector<std::unique_ptr<Callback>> all_;
};

inline TrainingState TrainingRun::snapshot() const {
  if (!resumable_) {
    throw ArgumentError("A run's snapshot is whole only in the hook `resumable`, once every callback has seen the step.");
  }
  TrainingState state{.steps = classifier_->steps(),
                      .epoch = completed_,
                      .batches = step_,
                      .samples = samples_,
                      .sums = sums_,
                      .learning_rate = classifier_->learning_rate(),
                      .parameters = changing_parameters(classifier_->description(), classifier_->parameters()),
                      .optimizer_state = {},
                      .history = history_,
                      .callbacks = {}};
  const auto kept = classifier_->optimizer_state();
  state.optimizer_state.assign(kept.begin(), kept.end());
  if (callbacks_ != nullptr) state.callbacks = callbacks_->states();
  return state;
}

}  // namespace cxrnet
