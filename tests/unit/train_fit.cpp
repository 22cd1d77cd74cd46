#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/data/label_table.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/early_stopping.hpp>
#include <cxrnet/train/feature_cache.hpp>
#include <cxrnet/train/fit.hpp>
#include <cxrnet/train/learning_rate.hpp>
#include <cxrnet/train/reduce_on_plateau.hpp>
#include <cxrnet/train/scheduled_rate.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"

#include <bit>
#include <limits>
#include <optional>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<12, 10, 3, Rescale<1, 255>>, Freeze<Conv2D<6, 3, Relu>>, GAP, Dense<4, Relu>, Dense<2, Softmax>>;
/// Augmentation that changes nothing, but that nobody knows to change nothing.
using Idle = Augment<Rotate<0>>;
static_assert(!std::is_same_v<Idle, NoAugment>);

/// `count` small images in two classes.
class Images {
 public:
  explicit Images(unsigned count, unsigned first_seed = 0, ImageSize size = {12, 10}) {
    for (unsigned i = 0; i < count; ++i) {
      folder_.write((i < count / 2 ? "a/" : "b/") + std::to_string(10 + i) + ".png", grey_png(20, 16, i + first_seed));
    }
    set.emplace(list_image_folder(folder_.path()), DatasetOptions{.size = size});
  }
  std::optional<ImageDataset> set;
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

template <class Augmentation, class Backend = Reference<float>, class N = Net>
struct Run {
  ClassifierOf<N, Backend, Augmentation> net{initial_parameters<N>(3), 4};
  FitResult result;

  Run(const Images& train, const Images* validation, FitOptions options, Callbacks callbacks = {}) {
    options.batch = 4;
    result = fit(net, *train.set, validation != nullptr ? &*validation->set : nullptr, options, std::move(callbacks));
  }
  [[nodiscard]] std::vector<float> parameters() const { return {net.parameters().begin(), net.parameters().end()}; }
  [[nodiscard]] std::vector<double> figures() const {
    std::vector<double> all;
    for (const auto& e : result.history.epochs) {
      for (const double x : {e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.val_auc}) all.push_back(x);
    }
    return all;
  }
};

}  // namespace

TEST_CASE("Any number of threads gives the same history and parameters, bit for bit", "[train_fit]") {
  const Images train(11);
  const Images validation(6, 50);
  for (const RandomNumbers numbers : {RandomNumbers::counter, RandomNumbers::keras}) {
    FitOptions options{.epochs = 3, .seed = 5, .random_numbers = numbers, .threads = 1};
    const Run<ReferenceAugment> one(train, &validation, options);
    REQUIRE(one.result.history.epochs.size() == 3);
    for (const unsigned threads : {2U, 5U}) {
      options.threads = threads;
      const Run<ReferenceAugment> several(train, &validation, options);
      CHECK(several.parameters() == one.parameters());
      CHECK(several.figures() == one.figures());
    }
    options.seed = 6;
    CHECK(Run<ReferenceAugment>(train, &validation, options).parameters() != one.parameters());
  }
}

TEST_CASE("The two random numbers are two orders", "[train_fit]") {
  const Images train(11);
  const Run<ReferenceAugment> counter(train, nullptr, {.epochs = 1, .random_numbers = RandomNumbers::counter});
  const Run<ReferenceAugment> keras(train, nullptr, {.epochs = 1, .random_numbers = RandomNumbers::keras});
  CHECK(counter.parameters() != keras.parameters());
  CHECK(std::isnan(counter.result.history.epochs[0].val_loss));
}

TEST_CASE("Features computed once train as images do", "[train_fit]") {
  const Images train(11);
  const Images validation(6, 50);
  for (const RandomNumbers numbers : {RandomNumbers::counter, RandomNumbers::keras}) {
    const FitOptions options{.epochs = 3, .seed = 2, .random_numbers = numbers};
    const Run<NoAugment> once(train, &validation, options);
    const Run<Idle> images(train, &validation, options);
    CHECK(once.net.static_images());
    CHECK_FALSE(images.net.static_images());
    CHECK(once.parameters() == images.parameters());
    CHECK(once.figures() == images.figures());
    const Run<NoAugment, OneDnn> fast(train, &validation, options);
    const Run<Idle, OneDnn> fast_images(train, &validation, options);
    CHECK(fast.parameters() == fast_images.parameters());
    for (std::size_t i = 0; i < fast.figures().size(); ++i) {
      CHECK(fast.figures()[i] == Approx(once.figures()[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("Nothing before the cut is nothing to compute once", "[train_fit]") {
  using Whole = Seq<Input<12, 10, 3, Rescale<1, 255>>, Conv2D<4, 3, Relu>, GAP, Dense<2, Softmax>>;
  const Images train(8);
  const FitOptions options{.epochs = 2};
  const Run<NoAugment, Reference<float>, Whole> once(train, &train, options);
  const Run<Idle, Reference<float>, Whole> images(train, &train, options);
  CHECK(once.parameters() == images.parameters());
  CHECK(once.parameters() != initial_parameters<Whole>(3));
}

TEST_CASE("A callback sees each step's running means, and the history is what it saw", "[train_fit]") {
  struct Seen {
    void epoch_begin(TrainingRun& run) {
      begun.push_back(run.epoch());
      total = run.epochs();
      steps = run.steps_per_epoch();
    }
    void batch_end(TrainingRun& run) {
      last = {static_cast<double>(run.step()), static_cast<double>(run.samples()), run.loss(), run.accuracy()};
    }
    void validation_begin(TrainingRun&) { ++validations; }
    void epoch_end(TrainingRun& run, const EpochRecord& record) {
      CHECK(last == std::vector<double>{3, 11, record.loss, record.accuracy});
      CHECK(run.history().epochs.back().loss == record.loss);
    }
    std::vector<int> begun;
    int total = 0;
    std::size_t steps = 0;
    int validations = 0;
    std::vector<double> last;
  } seen;
  const Images train(11);
  const Images validation(6, 50);
  const Run<ReferenceAugment> run(train, &validation, {.epochs = 2}, {seen});
  CHECK(seen.begun == std::vector{1, 2});
  CHECK(seen.total == 2);
  CHECK(seen.steps == 3);
  CHECK(seen.validations == 2);
  CHECK(run.result.history.epochs[1].epoch == 2);
  CHECK(run.result.history.epochs[1].learning_rate == 0.001);
  // Validation is that of the network as it now is.
  const StepResult now = run.net.score(predict_all(run.net, *validation.set), targets_of(*validation.set, 2));
  CHECK(run.result.history.epochs[1].val_loss == now.loss_sum / 6);
  CHECK(run.result.history.epochs[1].val_accuracy == now.correct / 6.0);
}

TEST_CASE("Validation features are computed once", "[train_fit]") {
  const Images train(8);
  const Images validation(6, 50);
  Profile profile;
  (void)Run<ReferenceAugment>(train, &validation, {.epochs = 3, .profile = &profile});
  CHECK(profile.images == 3 * 8 + 6);
  Profile still;
  (void)Run<NoAugment>(train, &validation, {.epochs = 3, .profile = &still});
  CHECK(still.images == 8 + 6);
}

TEST_CASE("A stop is seen after the step, and what was learnt stays", "[train_fit]") {
  struct Stopper {
    void batch_end(TrainingRun& run) {
      if (run.epoch() == 2 && run.step() == 1) stop = true;
    }
    std::atomic<bool> stop{false};
  };
  const Images train(11);
  Stopper on_images;
  const Run<ReferenceAugment> run(train, nullptr, {.epochs = 5, .stop = &on_images.stop}, {on_images});
  CHECK(run.result.stopped);
  CHECK(run.result.history.epochs.size() == 1);
  Stopper on_features;
  const Run<NoAugment> still(train, nullptr, {.epochs = 5, .stop = &on_features.stop}, {on_features});
  CHECK(still.result.stopped);
  CHECK(still.result.history.epochs.size() == 1);
  const std::atomic<bool> already{true};
  const Run<NoAugment> none(train, nullptr, {.epochs = 5, .stop = &already});
  CHECK(none.result.stopped);
  CHECK(none.result.steps == 0);
  CHECK(none.parameters() == initial_parameters<Net>(3));
}

TEST_CASE("A stop during validation ends the run, and the epoch keeps its training's figures", "[train_fit]") {
  struct Stopper {
    void validation_begin(TrainingRun&) { stop = true; }
    std::atomic<bool> stop{false};
  };
  const Images train(11);
  const Images validation(6, 50);
  const auto check = [](const FitResult& result) {
    CHECK(result.stopped);
    CHECK(result.steps == 3);
    REQUIRE(result.history.epochs.size() == 1);
    CHECK(std::isfinite(result.history.epochs[0].loss));
    CHECK(std::isnan(result.history.epochs[0].val_loss));
  };
  Stopper on_images;
  check(Run<ReferenceAugment>(train, &validation, {.epochs = 5, .stop = &on_images.stop}, {on_images}).result);
  Stopper on_features;
  check(Run<NoAugment>(train, &validation, {.epochs = 5, .stop = &on_features.stop}, {on_features}).result);
}

TEST_CASE("A loss that is not finite names the batch's images", "[train_fit]") {
  const Images train(8);
  auto parameters = initial_parameters<Net>(3);
  parameters[0] = std::numeric_limits<float>::infinity();
  ClassifierOf<Net, Reference<float>, ReferenceAugment> net(parameters, 8);
  const auto said = message_of<TrainingError>([&] { fit(net, *train.set, nullptr, {.epochs = 1, .batch = 8}); });
  CHECK(has(said, "The loss is not finite after a batch of these images"));
  for (std::size_t i = 0; i < 8; ++i) CHECK(has(said, train.set->name(i)));
  CHECK(std::equal(parameters.begin(), parameters.end(), net.parameters().begin()));
}

TEST_CASE("What cannot be trained on is refused before anything runs", "[train_fit]") {
  const Images train(8);
  ClassifierOf<Net, Reference<float>> net(initial_parameters<Net>(3), 4);
  const auto refusal = [&](const ImageDataset& images, const ImageDataset* validation, FitOptions options) {
    return message_of<ArgumentError>([&] { fit(net, images, validation, options); });
  };
  CHECK(has(refusal(*train.set, nullptr, {.batch = 5}), "batches of 1 to 4"));
  CHECK(has(refusal(*train.set, nullptr, {.epochs = 0, .batch = 4}), "at least 1 epoch"));
  const Images other(8, 0, {10, 12});
  CHECK(has(refusal(*other.set, nullptr, {.batch = 4}), "takes images of 12 x 10 x 3"));
  CHECK(has(refusal(*train.set, &*other.set, {.batch = 4}), "gives 10 x 12 x 3"));
  other.folder().write("c/1.png", grey_png(20, 16, 1));
  const ImageDataset three(list_image_folder(other.folder().path()), {.size = {12, 10}});
  CHECK(has(refusal(three, nullptr, {.batch = 4}), "has 3 classes, the network 2"));
  CHECK(has(refusal(*train.set, &three, {.batch = 4}), "has 3 classes"));
  CHECK_THROWS_AS(net.set_parameters(std::vector<float>(3)), ArgumentError);
}

namespace {

/// Everything random and everything with a state.
using Busy = Seq<Input<12, 10, 3, Rescale<1, 255>>, Freeze<Conv2D<3, 3, Relu>>, Conv2D<4, 3, Relu>, GAP, Dropout<0.4>,
                 Dense<5, Relu>, Dense<2, Softmax>>;
using Normalised = Seq<Input<12, 10, 3, Rescale<1, 255>>, Freeze<Conv2D<3, 3, Relu>>, Conv2D<4, 3>, BatchNorm<>, GAP,
                       Dropout<0.4>, Dense<5, Relu>, BatchNorm<>, Dense<2, Softmax>>;

/// All that a run leaves, times excluded, bit for bit.
struct Outcome {
  std::vector<float> parameters;
  std::vector<float> optimizer_state;
  std::uint64_t steps = 0;
  double learning_rate = 0;
  std::string stop_reason;
  std::vector<std::uint64_t> figures{};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Collect {
  std::vector<TrainingState> states;
  void resumable(TrainingRun& run) { states.push_back(run.snapshot()); }
};

template <class Net, class Backend, class Augmentation>
Outcome train(const Images& images, const Images& validation, const FitOptions& options, Collect* collect = nullptr) {
  ClassifierOf<Net, Backend, Augmentation> net(initial_parameters<Net>(3), 4, 9, Adam{.learning_rate = 0.02});
  Callbacks callbacks{
      EarlyStopping{.patience = 3, .min_delta = 0.05, .best_weights = BestWeights::restore},
      ReduceOnPlateau{.monitor = Monitor::loss, .factor = 0.5, .patience = 1, .min_delta = 0.1}};
  if (collect != nullptr) callbacks.add(*collect);
  const FitResult result = fit(net, *images.set, &*validation.set, options, std::move(callbacks));
  Outcome outcome{{net.parameters().begin(), net.parameters().end()},
                  {net.optimizer_state().begin(), net.optimizer_state().end()},
                  net.steps(),
                  net.learning_rate(),
                  result.stop_reason};
  for (const auto& e : result.history.epochs) {
    for (const double x : {e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.val_auc, e.learning_rate}) {
      outcome.figures.push_back(std::bit_cast<std::uint64_t>(x));
    }
  }
  return outcome;
}

/// The uninterrupted run, and one from each of its snapshots, must leave the same.
template <class Net, class Backend, class Augmentation>
Outcome check_resumes(FitOptions options) {
  const Images images(11);
  const Images validation(6, 50);
  options.batch = 4;
  options.seed = 5;
  Collect collect;
  const Outcome whole = train<Net, Backend, Augmentation>(images, validation, options, &collect);
  for (const unsigned threads : {1U, 2U, 5U}) {
    options.threads = threads;
    CHECK(train<Net, Backend, Augmentation>(images, validation, options) == whole);
  }
  CHECK(collect.states.size() == whole.steps + whole.figures.size() / 6);
  for (const TrainingState& state : collect.states) {
    options.resume = &state;
    const bool same = train<Net, Backend, Augmentation>(images, validation, options) == whole;
    INFO("resumed after epoch " << state.epoch << " and " << state.batches << " steps");
    CHECK(same);
  }
  return whole;
}

}  // namespace

TEMPLATE_TEST_CASE("A run resumed from any of its snapshots ends in the same bits", "[train_fit]", Reference<float>,
                   OneDnn) {
  const Outcome plain = check_resumes<Busy, TestType, ReferenceAugment>({.epochs = 8});
  CHECK(has(plain.stop_reason, "val_loss has not improved"));
  CHECK(plain.learning_rate < 0.02);
  CHECK(plain.steps < 24);
  (void)check_resumes<Busy, TestType, ReferenceAugment>({.epochs = 3, .random_numbers = RandomNumbers::keras});
  (void)check_resumes<Busy, TestType, ReferenceAugment>({.epochs = 3, .sampling = Sampling::balanced});
  for (const RandomNumbers numbers : {RandomNumbers::counter, RandomNumbers::keras}) {
    const TemporaryFolder folder;
    FeatureCache cache(folder.path());
    const FitOptions views{.epochs = 5, .random_numbers = numbers, .views = 2};
    FitOptions cached = views;
    cached.cache = &cache;
    CHECK(check_resumes<Busy, TestType, ReferenceAugment>(views) ==
          check_resumes<Busy, TestType, ReferenceAugment>(cached));
    CHECK(cache.computed() == 3);
  }
  const Outcome once = check_resumes<Busy, TestType, NoAugment>({.epochs = 3, .class_weights = {0.5F, 2}});
  const Outcome anew =
      check_resumes<Busy, TestType, NoAugment>({.epochs = 3, .class_weights = {0.5F, 2}, .feature_memory = 0});
  CHECK(once == anew);
}

TEMPLATE_TEST_CASE("Moving averages go on from a snapshot as everything else", "[train_fit]", Reference<float>,
                   OneDnn) {
  const Outcome augmented = check_resumes<Normalised, TestType, ReferenceAugment>({.epochs = 3});
  CHECK(augmented.parameters != initial_parameters<Normalised>(3));
  (void)check_resumes<Normalised, TestType, NoAugment>({.epochs = 3});
}

TEST_CASE("A run stopped while it is validated is resumed there", "[train_fit]") {
  const Images images(11);
  const Images validation(6, 50);
  const FitOptions options{.epochs = 3, .batch = 4};
  const Outcome whole = train<Busy, OneDnn, ReferenceAugment>(images, validation, options);
  struct Stopper : Collect {
    std::atomic<bool> stop{false};
    void validation_begin(TrainingRun&) { stop = true; }
  } stopper;
  ClassifierOf<Busy, OneDnn, ReferenceAugment> net(initial_parameters<Busy>(3), 4, 9, Adam{.learning_rate = 0.02});
  FitOptions stopping = options;
  stopping.stop = &stopper.stop;
  const FitResult stopped = fit(net, *images.set, &*validation.set, stopping, {stopper});
  CHECK(stopped.stop_reason == "it was asked to stop");
  const TrainingState& last = stopper.states.back();
  CHECK(last.epoch == 0);
  CHECK(last.batches == 3);
  CHECK(last.history.epochs.empty());
  FitOptions resumed = options;
  resumed.resume = &last;
  CHECK(train<Busy, OneDnn, ReferenceAugment>(images, validation, resumed) == whole);
}

TEST_CASE("A resumed run can be made longer, and is refused where it is another's", "[train_fit]") {
  const Images images(11);
  const FitOptions options{.epochs = 2, .batch = 4};
  Collect collect;
  const Run<ReferenceAugment> two(images, nullptr, {.epochs = 2}, {collect});
  const Run<ReferenceAugment> four(images, nullptr, {.epochs = 4});
  CHECK(Run<ReferenceAugment>(images, nullptr, {.epochs = 4, .resume = &collect.states.back()}).parameters() ==
        four.parameters());
  const auto refusal = [&](const TrainingState& state, FitOptions changed, Callbacks callbacks = {}) {
    ClassifierOf<Net, Reference<float>, ReferenceAugment> net(initial_parameters<Net>(3), 5);
    changed.resume = &state;
    return message_of<ArgumentError>([&] { fit(net, *images.set, nullptr, changed, std::move(callbacks)); });
  };
  const TrainingState& middle = collect.states[1];  // after the second step
  REQUIRE(middle.batches == 2);
  CHECK(refusal(middle, options) == nothing_thrown);
  CHECK(has(refusal(middle, {.epochs = 2, .batch = 5}), "has seen 8 images in 2 batches"));
  CHECK(has(refusal(collect.states.back(), {.epochs = 1, .batch = 4}), "has made 2 epochs"));
  CHECK(has(refusal(collect.states[5], {.epochs = 1, .batch = 4}), "more than the 1 epochs asked for"));
  TrainingState bad = middle;
  bad.parameters.pop_back();
  CHECK(has(refusal(bad, options), "another network's state"));
  bad = middle;
  bad.optimizer_state.push_back(0);
  CHECK(has(refusal(bad, options), "optimizer's state"));
  bad = middle;
  bad.batches = std::numeric_limits<std::size_t>::max();
  CHECK(has(refusal(bad, options), "which no run on these 11 images"));
  bad = middle;
  bad.epoch = -1;
  CHECK(has(refusal(bad, options), "which no run"));
  bad = middle;
  bad.callbacks["early_stopping"] = {};
  CHECK(has(refusal(bad, options), "had the callbacks early_stopping, this one has none"));
  CHECK(has(refusal(bad, options, {EarlyStopping{.monitor = Monitor::loss}}), "lacks 'best_epoch'"));
}

TEST_CASE("Callbacks decide when training ends and with which weights", "[train_fit]") {
  const Images images(11);
  const Images validation(6, 50);
  struct Keep {
    std::vector<std::vector<float>> parameters;
    void epoch_end(TrainingRun& run, const EpochRecord&) {
      parameters.emplace_back(run.classifier().parameters().begin(), run.classifier().parameters().end());
    }
  } keep;
  EarlyStopping stopper{.patience = 1, .best_weights = BestWeights::restore};
  // Rates so large that the loss must rise.
  const Run<ReferenceAugment> run(images, &validation, {.epochs = 40},
                                  {ScheduledRate(ExponentialDecay{1e-3, 3, 4.0}), keep, stopper});
  REQUIRE(stopper.stopped_epoch > 1);
  CHECK(run.result.history.epochs.size() == static_cast<std::size_t>(stopper.stopped_epoch));
  CHECK(run.result.stop_reason == "val_loss has not improved for 1 epochs");
  CHECK_FALSE(run.result.stopped);
  CHECK(stopper.best_epoch == stopper.stopped_epoch - 1);
  CHECK(run.parameters() == keep.parameters[static_cast<std::size_t>(stopper.best_epoch - 1)]);
  CHECK(run.parameters() != keep.parameters.back());
  CHECK(run.result.history.epochs[1].learning_rate == ExponentialDecay{1e-3, 3, 4.0}(5));

  struct AtOnce {
    void batch_end(TrainingRun& run) { run.stop("enough"); }
  };
  const Run<ReferenceAugment> once(images, &validation, {.epochs = 4}, {AtOnce{}});
  CHECK(once.result.steps == 1);
  CHECK(once.result.stop_reason == "enough");
  CHECK(once.result.history.epochs.empty());
}

TEST_CASE("Class weights weigh each sample's loss", "[train_fit]") {
  const Images images(4, 0);
  images.folder().write("b/99.png", grey_png(20, 16, 99));
  const ImageDataset uneven(list_image_folder(images.folder().path()), {.size = {12, 10}});
  CHECK(balanced_class_weights(uneven) == std::vector<float>{5.0F / (2 * 2), 5.0F / (2 * 3)});
  const auto first_loss = [&](std::vector<float> weights) {
    ClassifierOf<Net, Reference<float>> net(initial_parameters<Net>(3), 5);
    const FitOptions options{.epochs = 1, .batch = 5, .class_weights = std::move(weights)};
    return fit(net, uneven, nullptr, options).history.epochs[0].loss;
  };
  const double a = first_loss({1, 0});
  const double b = first_loss({0, 1});
  CHECK(a > 0);
  CHECK(first_loss({}) == Approx(a + b));
  CHECK(first_loss({1, 1}) == first_loss({}));
  CHECK(first_loss({1.25F, 3}) == Approx(1.25 * a + 3 * b));
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& bad : {std::vector<float>{1}, {1, 2, 3}, {1, -1}, {1, infinity}}) {
    CHECK(has(message_of<ArgumentError>([&] { (void)first_loss(bad); }), "one for each of the 2 classes"));
  }
}

TEST_CASE("Balanced sampling takes as many images of every class", "[train_fit]") {
  const Images images(4, 0);
  for (unsigned i = 0; i < 5; ++i) images.folder().write("b/9" + std::to_string(i) + ".png", grey_png(20, 16, 90 + i));
  const ImageDataset uneven(list_image_folder(images.folder().path()), {.size = {12, 10}});  // 2 and 7
  std::vector<std::size_t> samples;
  ClassifierOf<Net, Reference<float>, ReferenceAugment> net(initial_parameters<Net>(3), 4);
  const auto seen = [&](TrainingRun& run, const EpochRecord&) { samples.push_back(run.samples()); };
  fit(net, uneven, nullptr, {.epochs = 2, .batch = 4, .sampling = Sampling::balanced}, {seen});
  CHECK(samples == std::vector<std::size_t>{10, 10});
  CHECK(has(message_of<ArgumentError>([&] {
                   fit(net, uneven, nullptr,
                       {.batch = 4, .random_numbers = RandomNumbers::keras, .sampling = Sampling::balanced});
                 }),
                 "no balanced sampling"));
}

TEST_CASE("Features that do not fit in memory are computed in each epoch", "[train_fit]") {
  const Images train(8);
  const Images validation(6, 50);
  Profile profile;
  const Run<NoAugment> anew(train, &validation, {.epochs = 3, .feature_memory = 0, .profile = &profile});
  CHECK(profile.images == 3 * (8 + 6));
  const Run<NoAugment> once(train, &validation, {.epochs = 3});
  CHECK(anew.parameters() == once.parameters());
  CHECK(anew.figures() == once.figures());
}

TEST_CASE("A bank of views gives the first epochs of a run without one, and computes no more", "[train_fit]") {
  const Images train(11);
  const Images validation(6, 50);
  for (const RandomNumbers numbers : {RandomNumbers::counter, RandomNumbers::keras}) {
    const auto run = [&](int epochs, int views, std::size_t memory, double images) {
      Profile profile;
      const Run<ReferenceAugment, Cpu> made(
          train, &validation,
          {.epochs = epochs, .random_numbers = numbers, .feature_memory = memory, .views = views, .profile = &profile});
      CHECK(profile.images == images);
      auto result = made.figures();
      for (const float parameter : made.parameters()) result.push_back(parameter);
      return result;
    };
    const std::size_t memory = std::size_t{1} << 20;
    const double of_validation = 8;  // 6 in batches of 4, the last filled
    CHECK(run(2, 2, memory, 2 * 12 + of_validation) == run(2, 0, memory, 2 * 12 + of_validation));
    CHECK(run(2, 7, memory, 2 * 12 + of_validation) == run(2, 0, memory, 2 * 12 + of_validation));
    const auto five = run(5, 2, memory, 2 * 12 + of_validation);
    CHECK(five != run(5, 0, memory, 5 * 12 + of_validation));
    CHECK(five == run(5, 2, 0, 5 * (12 + of_validation)));  // with room for none
    const std::size_t one = 11 * description_of<Net>.features.size() * sizeof(float);
    CHECK(five == run(5, 2, 2 * one, 3 * 12 + of_validation));  // for one beside the epoch's own
  }
}

TEST_CASE("Views are of augmented images before layers that do not train", "[train_fit]") {
  using Whole = Seq<Input<12, 10, 3, Rescale<1, 255>>, Conv2D<4, 3, Relu>, GAP, Dense<2, Softmax>>;
  const Images train(8);
  const auto refused = [](const auto& run) { return has(message_of<ArgumentError>(run), "FitOptions::views is 0"); };
  CHECK(refused([&] { const Run<ReferenceAugment> run(train, nullptr, {.views = -1}); }));
  CHECK(refused([&] { const Run<NoAugment> run(train, nullptr, {.views = 2}); }));
  CHECK(refused([&] { const Run<ReferenceAugment, Reference<float>, Whole> run(train, nullptr, {.views = 2}); }));
  CHECK(has(message_of<ArgumentError>([&] {
                   const Run<ReferenceAugment> run(train, nullptr, {.sampling = Sampling::balanced, .views = 2});
                 }),
                 "Balanced sampling has no fixed views"));
}

TEMPLATE_TEST_CASE("A second run takes all features from the cache, to the same bits", "[train_fit]", ReferenceAugment,
                   NoAugment) {
  const Images train(11);
  const Images validation(6, 50);
  const TemporaryFolder folder;
  std::vector<std::string> said;
  FeatureCache cache(folder.path(), {.warn = [&](const std::string& what) { said.push_back(what); }});
  for (const RandomNumbers numbers : {RandomNumbers::counter, RandomNumbers::keras}) {
    const auto run = [&](FeatureCache* with, FitOptions options, double images) {
      Profile profile;
      options.random_numbers = numbers;
      options.cache = with;
      options.profile = &profile;
      const Run<TestType, Cpu> made(train, &validation, options);
      CHECK(profile.images == images);
      auto result = made.figures();
      for (const float parameter : made.parameters()) result.push_back(parameter);
      return result;
    };
    const bool still = std::is_same_v<TestType, NoAugment>;
    const bool again = still && numbers == RandomNumbers::keras;  // the same features in another order
    const bool validated = numbers == RandomNumbers::keras;
    const double epochs = still ? 1 : 3;
    const auto plain = run(nullptr, {.epochs = 3}, epochs * 12 + 8);
    CHECK(run(&cache, {.epochs = 3}, (again ? 0 : epochs * 12) + (validated ? 0 : 8)) == plain);
    CHECK(run(&cache, {.epochs = 3}, 0) == plain);
    if (still) continue;
    // A longer run computes the later epochs alone; a bank's views are the first epochs'.
    CHECK(run(&cache, {.epochs = 5}, 2 * 12) == run(nullptr, {.epochs = 5}, 5 * 12 + 8));
    CHECK(run(&cache, {.epochs = 5, .views = 2}, 0) == run(nullptr, {.epochs = 5, .views = 2}, 2 * 12 + 8));
    // A damaged file's epoch is computed again.
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
    }
    CHECK(run(&cache, {.epochs = 3}, 3 * 12 + 8) == plain);
    CHECK(said.size() == 4);
    said.clear();
    CHECK(run(&cache, {.epochs = 3}, 0) == plain);
  }
  CHECK(said.empty());
}

TEST_CASE("A stop keeps no half of a data set's features", "[train_fit]") {
  struct Stopper {
    void batch_end(TrainingRun& run) { stop = run.step() == 2; }
    void validation_begin(TrainingRun&) { stop = true; }
    std::atomic<bool> stop{false};
  };
  const Images train(11);
  const Images validation(6, 50);
  const TemporaryFolder folder;
  FeatureCache cache(folder.path());
  Stopper stopper;
  const Run<ReferenceAugment> within(train, &validation, {.cache = &cache, .stop = &stopper.stop}, {stopper});
  CHECK(within.result.steps == 2);
  CHECK(cache.computed() == 0);
  const FitOptions options{.epochs = 1, .cache = &cache};
  CHECK(Run<ReferenceAugment>(train, &validation, options).parameters() ==
        Run<ReferenceAugment>(train, &validation, {.epochs = 1}).parameters());
  CHECK(cache.computed() == 2);
}

TEST_CASE("A network of one sigmoid learns two classes", "[train_fit]") {
  using One = Seq<Input<12, 10, 3, Rescale<1, 255>>, Conv2D<4, 3, Relu>, GAP, Dense<1, Sigmoid>>;
  const Images train(8);
  ClassifierOf<One, OneDnn, NoAugment, Adam, BinaryCrossentropy> net(initial_parameters<One>(3), 8, 0,
                                                                     {.learning_rate = 0.01});
  const auto history = fit(net, *train.set, &*train.set, {.epochs = 60, .batch = 8}).history.epochs;
  CHECK(history.back().loss < 0.8 * history.front().loss);
  CHECK(history.back().val_auc > history.front().val_auc);
}

TEST_CASE("A network of sigmoids learns labels that go together", "[train_fit]") {
  // Bright on the left, bright at the top: either, both or neither.
  const TemporaryFolder folder;
  std::string table = "Image Index,Finding Labels\n";
  for (unsigned i = 0; i < 16; ++i) {
    const bool left = i % 2 != 0;
    const bool top = i % 4 >= 2;
    std::string rows;
    for (unsigned y = 0; y < 6; ++y) {
      for (unsigned x = 0; x < 6; ++x) {
        const unsigned bright = (left && x < 3 ? 80 : 0) + (top && y < 3 ? 80 : 0);
        rows += static_cast<char>(20 + 7 * ((x * 5 + y * 3 + i) % 9) + bright);
      }
    }
    const std::string name = std::to_string(i) + ".png";
    folder.write(name, PngWriter().header(6, 6, 8, 0).pixels(rows, 6).done());
    table += name + ',' + (left ? "left" : "") + (left && top ? "|" : "") + (top ? "top" : "") +
             (left || top ? "" : "No Finding") + '\n';
  }
  const ImageDataset set(list_label_table(folder.write("table.csv", bytes_of(table)), folder.path()), {.size = {6, 6}});
  using Sigmoids = Seq<Input<6, 6, 3, Rescale<1, 255>>, Flatten, Dense<2, Sigmoid>>;
  ClassifierOf<Sigmoids, OneDnn, NoAugment, Adam, BinaryCrossentropy> net(initial_parameters<Sigmoids>(3), 16, 0,
                                                                          {.learning_rate = 0.02});
  const auto history = fit(net, set, &set, {.epochs = 150, .batch = 8}).history.epochs;
  CHECK(history.front().loss > 0.5);
  CHECK(history.back().loss < 0.2);
  CHECK(history.front().val_auc < 1);
  CHECK(history.back().val_auc == 1);
  CHECK(history.front().val_accuracy < 1);
  CHECK(history.back().val_accuracy == 1);
  const FitOptions weighted{.batch = 8, .class_weights = {1, 1}};
  CHECK_THROWS_AS(fit(net, set, nullptr, weighted), ArgumentError);
  CHECK_THROWS_AS(fit(net, set, nullptr, {.batch = 8, .sampling = Sampling::balanced}), ArgumentError);
  CHECK_THROWS_AS(balanced_class_weights(set), ArgumentError);
}
