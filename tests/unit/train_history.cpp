#include <cxrnet/train/history.hpp>

#include <cmath>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("A column of the history is a plain vector, and what was not measured is NaN", "[train]") {
  History history;
  history.epochs.push_back({.epoch = 1, .loss = 0.5, .accuracy = 0.7, .val_loss = 0.6});
  history.epochs.push_back({.epoch = 2, .loss = 0.4});
  CHECK(history.column(&EpochRecord::loss) == std::vector<double>{0.5, 0.4});
  CHECK(history.column(&EpochRecord::val_loss)[0] == 0.6);
  CHECK(std::isnan(history.column(&EpochRecord::val_loss)[1]));
  CHECK(std::isnan(history.epochs[0].seconds));
  CHECK(History{}.column(&EpochRecord::loss).empty());
}
