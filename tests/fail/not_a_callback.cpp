// A callback has one of the hooks.
// EXPECT: a callback has one of cxrnet::Callback's hooks, or is called with (const EpochRecord&)
#include <cxrnet/train/callbacks.hpp>

using namespace cxrnet;
struct Printer {
  void on_epoch_end(TrainingRun&, const EpochRecord&) {}
};
Callbacks callbacks{Printer{}};
