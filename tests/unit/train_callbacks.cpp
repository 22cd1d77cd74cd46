#include <cxrnet/io/model_io.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/callbacks.hpp>
#include <cxrnet/train/early_stopping.hpp>
#include <cxrnet/train/fit.hpp>
#include <cxrnet/train/model_checkpoint.hpp>
#include <cxrnet/train/reduce_on_plateau.hpp>

#include "data_fixtures.hpp"
#include "quoted.hpp"
#include "rehearsal.hpp"

#include <ostream>
#include <sstream>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// example-begin
FitResult train(Classifier& net, const ImageDataset& images, const ImageDataset& validation,
                const std::filesystem::path& best, std::ostream& out) {
  const FitOptions options{.epochs = 40, .batch = 4, .seed = 7, .class_weights = balanced_class_weights(images)};
  const auto save = [&](const Classifier& now, const EpochRecord&) {
    save_model(best, now.description(), now.parameters(), {});
  };
  EarlyStopping stopper{.monitor = Monitor::val_auc, .patience = 5, .best_weights = BestWeights::restore};
  FitResult result = fit(net, images, &validation, options,
                         {stopper, ReduceOnPlateau{.factor = 0.5, .patience = 2},
                          ModelCheckpoint{.monitor = Monitor::val_auc, .save = save},
                          [&](const EpochRecord& epoch) { out << epoch.epoch << ": " << epoch.val_auc << '\n'; }});
  out << "The best was epoch " << stopper.best_epoch << ".\n";
  return result;
}
// example-end

/// Writes down what it is called for.
struct Log {
  std::string* text;
  std::string tag;
  void train_begin(TrainingRun&) { *text += tag + "B"; }
  void features_begin(TrainingRun&, std::size_t images) { *text += tag + "F" + std::to_string(images); }
  void epoch_begin(TrainingRun&) { *text += tag + "e"; }
  void batch_begin(TrainingRun&) { *text += tag + "s"; }
  void batch_end(TrainingRun&) { *text += tag + "b"; }
  void validation_begin(TrainingRun&) { *text += tag + "v"; }
  void epoch_end(TrainingRun&, const EpochRecord& record) { *text += tag + "E" + std::to_string(record.epoch); }
  void resumable(TrainingRun&) { *text += tag + "r"; }
  void train_end(TrainingRun&) { *text += tag + "."; }
};

void call_all(const Callbacks& callbacks, TrainingRun& run) {
  const EpochRecord record{.epoch = 4};
  callbacks.for_each([&](Callback& c) { c.train_begin(run); });
  callbacks.for_each([&](Callback& c) { c.features_begin(run, 7); });
  callbacks.for_each([&](Callback& c) { c.epoch_begin(run); });
  callbacks.for_each([&](Callback& c) { c.batch_begin(run); });
  callbacks.for_each([&](Callback& c) { c.batch_end(run); });
  callbacks.for_each([&](Callback& c) { c.validation_begin(run); });
  callbacks.for_each([&](Callback& c) { c.epoch_end(run, record); });
  callbacks.for_each([&](Callback& c) { c.resumable(run); });
  callbacks.for_each([&](Callback& c) { c.train_end(run); });
}

/// Carries a number.
struct Counter {
  int count = 0;
  [[nodiscard]] static std::string_view name() { return "counter"; }
  [[nodiscard]] CallbackState state() const { return {{{"count", count}}, {}}; }
  void restore(const CallbackState& state) { count = count_of(state, name(), "count"); }
  void operator()(const EpochRecord&) { ++count; }
};

}  // namespace

TEST_CASE("Callbacks are called in order, types and callables alike", "[train_callbacks]") {
  Rehearsal rehearsal;
  std::string text;
  struct Derived : Callback {
    explicit Derived(std::string& into) : text(into) {}
    void epoch_end(TrainingRun&, const EpochRecord&) override { text += "d"; }
    std::string& text;
  } derived(text);
  Callbacks callbacks{Log{&text, "1"}, [&](const EpochRecord& record) { text += "c" + std::to_string(record.epoch); },
                      derived, [&](TrainingRun& run, const EpochRecord&) { run.stop("enough"); }};
  callbacks.add(Log{&text, "2"});
  call_all(callbacks, rehearsal.run);
  CHECK(text == "1B2B1F72F71e2e1s2s1b2b1v2v1E4c4d2E41r2r1.2.");
  CHECK(rehearsal.run.stop_reason() == "enough");
  rehearsal.run.stop("later");
  CHECK(rehearsal.run.stop_reason() == "enough");
}

TEST_CASE("A temporary is kept, an lvalue is referred to", "[train_callbacks]") {
  Rehearsal rehearsal;
  Counter mine;
  Callbacks callbacks{mine, Counter{5}};
  const Callbacks moved = std::move(callbacks);
  call_all(moved, rehearsal.run);
  CHECK(mine.count == 1);
  CHECK(moved.states() == std::map<std::string, CallbackState>{{"counter", {{{"count", 1}}, {}}},
                                                               {"counter 2", {{{"count", 6}}, {}}}});
}

TEST_CASE("States go back to the callbacks of their names", "[train_callbacks]") {
  Counter first;
  Counter second;
  Callbacks callbacks{first, EarlyStopping{}, second, [](const EpochRecord&) {}};
  auto states = callbacks.states();
  CHECK(states.size() == 3);
  states["counter"].numbers["count"] = 3;
  states["counter 2"].numbers["count"] = 4;
  states.erase("early_stopping");  // new to this run
  callbacks.restore(states);
  CHECK(first.count == 3);
  CHECK(second.count == 4);
  states["other"] = {};
  CHECK(has(message_of<ArgumentError>([&] { callbacks.restore(states); }),
                 "had the callbacks counter, counter 2, other, this one has counter, early_stopping, counter 2"));
  CHECK(has(message_of<ArgumentError>([&] { Callbacks{}.restore(states); }), "none with a state"));
  CHECK_NOTHROW(Callbacks{}.restore({}));
}

TEST_CASE("A snapshot between two callbacks is refused", "[train_callbacks]") {
  const Rehearsal rehearsal;
  CHECK(has(message_of<ArgumentError>([&] { (void)rehearsal.run.snapshot(); }), "only in the hook `resumable`"));
}

TEST_CASE("docs/training.md's callbacks train, save and restore the best", "[train_callbacks]") {
  CHECK(doc_quotes("training.md", "train_callbacks.cpp"));
  const TemporaryFolder folder;
  for (unsigned i = 0; i < 9; ++i) folder.write((i < 3 ? "a/" : "b/") + std::to_string(i) + ".png", grey_png(6, 5, i));
  const ImageDataset images(list_image_folder(folder.path()), {.size = {2, 2}});
  ClassifierOf<Rehearsal::Net, Reference<float>> net(initial_parameters<Rehearsal::Net>(3), 4);
  std::ostringstream out;
  const auto best = folder.path() / "best.safetensors";
  const FitResult result = train(net, images, images, best, out);
  CHECK(has(result.stop_reason, "val_auc has not improved for 5 epochs"));
  CHECK(result.history.epochs.size() < 40);
  CHECK(has(out.str(), "\n" + std::to_string(result.history.epochs.size()) + ": "));
  CHECK(has(out.str(), "The best was epoch " + std::to_string(result.history.epochs.size() - 5) + "."));
  std::vector<float> saved(net.description().parameter_count);
  take_parameters(net.description(), read_weights(best), best.string(), Which::all, saved);
  CHECK(std::equal(saved.begin(), saved.end(), net.parameters().begin()));
}
