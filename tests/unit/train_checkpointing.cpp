#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/checkpointing.hpp>

#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/early_stopping.hpp>
#include <cxrnet/train/fit.hpp>

#include <algorithm>
#include <atomic>
#include <optional>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "quoted.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<12, 10, 3, Rescale<1, 255>>, Freeze<Conv2D<6, 3, Relu>>, GAP, Dropout<0.3>, Dense<4, Relu>,
                Dense<2, Softmax>>;

/// Elements of the convolution, which does not train.
constexpr std::ptrdiff_t frozen = 3 * 3 * 3 * 6 + 6;

/// Ten images in two classes: 3 steps of 4 an epoch.
class Images {
 public:
  Images() {
    for (unsigned i = 0; i < 10; ++i) folder_.write((i < 5 ? "a/" : "b/") + std::to_string(i) + ".png", grey_png(20, 16, i));
    set.emplace(list_image_folder(folder_.path()), DatasetOptions{.size = {12, 10}});
  }
  std::optional<ImageDataset> set;

 private:
  TemporaryFolder folder_;
};

struct Trained {
  explicit Trained(const Images& images, FitOptions options, Callbacks callbacks) {
    options.batch = 4;
    options.threads = 1;
    result = fit(net, *images.set, &*images.set, options, std::move(callbacks));
  }
  ClassifierOf<Net, Reference<float>, ReferenceAugment> net{initial_parameters<Net>(3), 4};
  FitResult result;
};

/// Asks for a stop after so many steps.
struct StopAfter {
  std::size_t steps;
  std::atomic<bool>* stop;
  void batch_end(TrainingRun&) {
    if (--steps == 0) *stop = true;
  }
};

// example-begin
/// Trains into a folder, or goes on from where an earlier process was ended there, killed even.
FitResult train_or_continue(Classifier& net, const ImageDataset& images, const std::filesystem::path& folder) {
  const std::optional<Checkpoint> last = read_checkpoint(folder);
  const FitOptions options{.epochs = 3, .batch = 4, .seed = 9, .resume = last ? &last->state : nullptr};
  return fit(net, images, nullptr, options, {Checkpointing(folder, {}, {.steps = 2})});
}
// example-end

std::string taken_up(const std::filesystem::path& folder) {
  const auto checkpoint = read_checkpoint(folder);
  if (!checkpoint) return "none";
  return std::to_string(checkpoint->state.epoch) + "+" + std::to_string(checkpoint->state.batches);
}

std::uint64_t written(const Images& images, int epochs, CheckpointInterval interval) {
  const TempFolder run;
  Checkpointing checkpointing(run.path(), {}, interval);
  const Trained trained(images, {.epochs = epochs}, {checkpointing});
  CHECK(taken_up(run.path()) == std::to_string(epochs) + "+0");
  return checkpointing.count();
}

}  // namespace

TEST_CASE("Checkpoints are written after each epoch, and at intervals of steps or time", "[checkpointing]") {
  const Images images;
  CHECK(written(images, 2, {}) == 2);
  CHECK(written(images, 2, {.steps = 1}) == 2 * (3 + 1));
  CHECK(written(images, 2, {.steps = 2}) == 2 * (1 + 1));
  CHECK(written(images, 1, {.steps = 0, .seconds = std::chrono::seconds(0)}) == 1);
}

TEST_CASE("Its metadata come back, and what cannot be written ends the run", "[checkpointing]") {
  const Images images;
  const TempFolder run;
  const Trained trained(images, {.epochs = 1}, {Checkpointing(run.path(), {{"seed", "3"}})});
  CHECK(read_checkpoint(run.path())->metadata == std::map<std::string, std::string>{{"seed", "3"}});
  const auto missing = run.path() / "missing";
  const std::string message =
      message_of<FileError>([&] { const Trained lost(images, {.epochs = 1}, {Checkpointing(missing)}); });
  CHECK(message.find(missing.string()) != std::string::npos);
}

TEST_CASE("A run stopped after any step continues from its checkpoint to the same bits", "[checkpointing]") {
  const Images images;
  const auto callbacks = [](Checkpointing checkpointing) {
    return Callbacks{EarlyStopping{.patience = 3, .best_weights = BestWeights::restore}, std::move(checkpointing)};
  };
  const TempFolder folder;
  const Trained whole(images, {.epochs = 3, .seed = 9}, callbacks(Checkpointing(folder.path())));
  for (std::size_t steps = 1; steps < 9; ++steps) {
    const TempFolder run;
    std::atomic<bool> stop = false;
    {
      Callbacks stopped = callbacks(Checkpointing(run.path()));
      stopped.add(StopAfter{steps, &stop});
      const Trained first(images, {.epochs = 3, .seed = 9, .stop = &stop}, std::move(stopped));
      CHECK(first.result.stopped);
    }
    INFO("stopped after step " << steps << ", checkpoint " << taken_up(run.path()));
    CHECK(taken_up(run.path()) == std::to_string((steps - 1) / 3) + "+" + std::to_string((steps - 1) % 3 + 1));
    const auto checkpoint = read_checkpoint(run.path());
    const Trained second(images, {.epochs = 3, .seed = 9, .resume = &checkpoint->state}, callbacks(Checkpointing(run.path())));
    CHECK(second.result.steps == 9 - steps);
    CHECK(std::equal(whole.net.parameters().begin(), whole.net.parameters().end(), second.net.parameters().begin()));
    for (const auto figure : {&EpochRecord::loss, &EpochRecord::accuracy, &EpochRecord::val_loss,
                              &EpochRecord::val_accuracy, &EpochRecord::val_auc, &EpochRecord::learning_rate}) {
      CHECK(whole.result.history.column(figure) == second.result.history.column(figure));
    }
    CHECK(taken_up(run.path()) == taken_up(folder.path()));
  }
}

TEST_CASE("What docs/training.md shows trains, and continues", "[checkpointing]") {
  CHECK(doc_quotes("training.md", "train_checkpointing.cpp"));
  const Images images;
  const TempFolder run;
  ClassifierOf<Net, Reference<float>, ReferenceAugment> net(initial_parameters<Net>(3), 4);
  CHECK(train_or_continue(net, *images.set, run.path()).steps == 9);
  std::filesystem::rename(run.path() / previous_checkpoint_file, run.path() / checkpoint_file);  // step 2 of epoch 3
  std::vector<float> start = initial_parameters<Net>(3);
  std::fill(start.begin() + frozen, start.end(), 0.5F);
  ClassifierOf<Net, Reference<float>, ReferenceAugment> other(start, 4);
  CHECK(train_or_continue(other, *images.set, run.path()).steps == 1);
  CHECK(std::equal(net.parameters().begin(), net.parameters().end(), other.parameters().begin()));
}
