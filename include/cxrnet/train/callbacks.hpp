#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/history.hpp>
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

template <class Type>
inline constexpr bool has_hook =
    OnTrainBegin<Type> || OnFeaturesBegin<Type> || OnEpochBegin<Type> || OnBatchBegin<Type> || OnBatchEnd<Type> ||
    OnValidationBegin<Type> || OnEpochEnd<Type> || OnResumable<Type> || OnTrainEnd<Type> || CallsWithRecord<Type> ||
    CallsWithRun<Type>;
/// Whether no member bears a hook's name that is never called, for its arguments.
template <class Type>
inline constexpr bool hooks_fit =
    (OnTrainBegin<Type> || !requires { &Type::train_begin; }) &&
    (OnFeaturesBegin<Type> || !requires { &Type::features_begin; }) &&
    (OnEpochBegin<Type> || !requires { &Type::epoch_begin; }) &&
    (OnBatchBegin<Type> || !requires { &Type::batch_begin; }) &&
    (OnBatchEnd<Type> || !requires { &Type::batch_end; }) &&
    (OnValidationBegin<Type> || !requires { &Type::validation_begin; }) &&
    (OnEpochEnd<Type> || !requires { &Type::epoch_end; }) &&
    (OnResumable<Type> || !requires { &Type::resumable; }) && (OnTrainEnd<Type> || !requires { &Type::train_end; }) &&
    (HasState<Type> || !requires { &Type::restore; });

/// Any type with some of the hooks, or a callable, as a Callback. `C` is a value, or a reference.
template <class C, class Type = std::remove_reference_t<C>>
class CallbackOf final : public Callback {
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

/// The callbacks of a run, in order: `Callbacks{EarlyStopping{.patience = 3}, progress, [](const EpochRecord&) {...}}`.
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
    using Type = std::remove_reference_t<C>;
    static_assert(detail::has_hook<Type> || !detail::hooks_fit<Type>,
                  "cxrnet: a callback has one of cxrnet::Callback's hooks, or is called with (const EpochRecord&) or "
                  "(TrainingRun&, const EpochRecord&)");
    static_assert(detail::hooks_fit<Type>,
                  "cxrnet: this callback has a hook that takes something else than cxrnet::Callback's of that name, or "
                  "not all of name(), state() and restore()");
    if constexpr (detail::has_hook<Type> && detail::hooks_fit<Type>) {
      all_.push_back(std::make_unique<detail::CallbackOf<C>>(std::forward<C>(callback)));
    }
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

}  // namespace cxrnet
