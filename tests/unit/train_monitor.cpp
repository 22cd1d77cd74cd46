#include <cxrnet/train/monitor.hpp>

#include "data_fixtures.hpp"
#include "rehearsal.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("A monitor names a figure and knows what is better", "[train_monitor]") {
  const EpochRecord record{.epoch = 1, .loss = 1, .accuracy = 2, .val_loss = 3, .val_accuracy = 4, .val_auc = 5};
  const std::vector<std::string_view> names{"loss", "accuracy", "val_loss", "val_accuracy", "val_auc"};
  for (int i = 0; i < 5; ++i) {
    const auto monitor = static_cast<Monitor>(i);
    CHECK(name_of(monitor) == names[static_cast<std::size_t>(i)]);
    CHECK(value_of(record, monitor) == i + 1);
    const bool lower = monitor == Monitor::loss || monitor == Monitor::val_loss;
    CHECK(improves(monitor, 0.5, 0.6) == lower);
    CHECK(improves(monitor, 0.6, 0.5) != lower);
    CHECK_FALSE(improves(monitor, 0.5, 0.5));
    CHECK_FALSE(improves(monitor, 0.5, lower ? 0.625 : 0.375, 0.125));
    CHECK(improves(monitor, 0.5, lower ? 0.65 : 0.35, 0.125));
    CHECK(improves(monitor, 0.5, {}));
    CHECK_FALSE(improves(monitor, std::numeric_limits<double>::quiet_NaN(), {}));
    CHECK_FALSE(improves(monitor, std::numeric_limits<double>::quiet_NaN(), 0.5));
    const Rehearsal with;
    const Rehearsal without(false);
    CHECK_NOTHROW(require_measured(monitor, with.run, "who"));
    const auto refusal = message_of<ArgumentError>([&] { require_measured(monitor, without.run, "who"); });
    CHECK((refusal == nothing_thrown) == (i < 2));
    if (i >= 2) CHECK(has(refusal, "who goes by " + std::string(name_of(monitor))));
  }
}
