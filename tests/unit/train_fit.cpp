#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/fit.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"

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
  CHECK(contains(said, "The loss is not finite after a batch of these images"));
  for (std::size_t i = 0; i < 8; ++i) CHECK(contains(said, train.set->name(i)));
  CHECK(std::equal(parameters.begin(), parameters.end(), net.parameters().begin()));
}

TEST_CASE("What cannot be trained on is refused before anything runs", "[train_fit]") {
  const Images train(8);
  ClassifierOf<Net, Reference<float>> net(initial_parameters<Net>(3), 4);
  const auto refusal = [&](const ImageDataset& images, const ImageDataset* validation, FitOptions options) {
    return message_of<ArgumentError>([&] { fit(net, images, validation, options); });
  };
  CHECK(contains(refusal(*train.set, nullptr, {.batch = 5}), "batches of 1 to 4"));
  CHECK(contains(refusal(*train.set, nullptr, {.epochs = 0, .batch = 4}), "at least 1 epoch"));
  const Images other(8, 0, {10, 12});
  CHECK(contains(refusal(*other.set, nullptr, {.batch = 4}), "takes images of 12 x 10 x 3"));
  CHECK(contains(refusal(*train.set, &*other.set, {.batch = 4}), "gives 10 x 12 x 3"));
  other.folder().write("c/1.png", grey_png(20, 16, 1));
  const ImageDataset three(list_image_folder(other.folder().path()), {.size = {12, 10}});
  CHECK(contains(refusal(three, nullptr, {.batch = 4}), "has 3 classes, the network 2"));
  CHECK(contains(refusal(*train.set, &three, {.batch = 4}), "has 3 classes"));
  CHECK_THROWS_AS(net.set_parameters(std::vector<float>(3)), ArgumentError);
}
