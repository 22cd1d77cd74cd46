#include <cxrnet/io/model_io.hpp>
#include <cxrnet/train/model_checkpoint.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "rehearsal.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("ModelCheckpoint saves each epoch that is the best so far, in one run or two", "[train_model_checkpoint]") {
  const std::vector<double> values{0.5, 0.7, 0.7, 0.6, 0.9, std::numeric_limits<double>::quiet_NaN(), 0.8, 0.95};
  for (std::size_t cut = 0; cut < values.size(); ++cut) {
    Rehearsal rehearsal;
    std::vector<int> saved;
    const ModelCheckpoint fresh{Monitor::val_accuracy, [&](const Classifier& net, const EpochRecord& record) {
                                  CHECK(net.parameters()[0] == static_cast<float>(record.epoch));
                                  saved.push_back(record.epoch);
                                }};
    ModelCheckpoint callback = fresh;
    callback.train_begin(rehearsal.run);
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (e == cut) {
        const CallbackState state = callback.state();
        callback = fresh;
        callback.restore(state);
        CHECK(callback.state() == state);
      }
      rehearsal.epoch(callback, static_cast<int>(e + 1), Monitor::val_accuracy, values[e]);
    }
    CHECK(saved == std::vector<int>{1, 2, 5, 8});
    CHECK(callback.best_epoch == 8);
  }
}

TEST_CASE("ModelCheckpoint with save_model leaves the best model in a file", "[train_model_checkpoint]") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "best.safetensors";
  Rehearsal rehearsal;
  ModelCheckpoint callback{.save = [&](const Classifier& net, const EpochRecord&) {
    save_model(file, net.description(), net.parameters(), {});
  }};
  callback.train_begin(rehearsal.run);
  const std::vector<double> losses{0.5, 0.4, 0.6};
  for (int e = 1; e <= 3; ++e) {
    rehearsal.epoch(callback, e, Monitor::val_loss, losses[static_cast<std::size_t>(e - 1)]);
  }
  std::vector<float> parameters(rehearsal.net.description().parameter_count);
  take_parameters(rehearsal.net.description(), read_weights(file), file.string(), Which::all, parameters);
  CHECK(parameters == std::vector<float>(parameters.size(), 2.0F));
}

TEST_CASE("ModelCheckpoint needs a figure and a function", "[train_model_checkpoint]") {
  Rehearsal rehearsal(false);
  const auto save = [](const Classifier&, const EpochRecord&) { throw FileError("the disk is full"); };
  CHECK_THROWS_AS((ModelCheckpoint{.save = save}.train_begin(rehearsal.run)), ArgumentError);
  CHECK_THROWS_AS((ModelCheckpoint{.monitor = Monitor::loss}.train_begin(rehearsal.run)), ArgumentError);
  ModelCheckpoint full{Monitor::val_loss, save};
  CHECK_THROWS_AS(rehearsal.epoch(full, 1, Monitor::val_loss, 0.5), FileError);
  CHECK(full.best_epoch == 0);
}
