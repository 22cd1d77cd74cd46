// A hook that would never be called is a mistake.
// EXPECT: this callback has a hook that takes something else than cxrnet::Callback's of that name
#include <cxrnet/train/callbacks.hpp>

using namespace cxrnet;
struct Printer {
  void epoch_begin(TrainingRun&) {}
  void epoch_end(const EpochRecord&) {}
};
Callbacks callbacks{Printer{}};
