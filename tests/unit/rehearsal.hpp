#pragma once
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/callback.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/monitor.hpp>

#include <limits>
#include <vector>

namespace cxrnet::test {

/// A run for callbacks alone: epochs of given figures, after each of which every parameter is the epoch's number.
class Rehearsal {
 public:
  using Net = Seq<Input<2, 2, 3, Rescale<1, 255>>, GAP, Dense<2, Softmax>>;

  explicit Rehearsal(bool validates = true, double rate = 0.1)
      : net(std::vector<float>(Traits<Net>::parameter_count), 4), run(net, {.epochs = 10, .validates = validates}) {
    net.set_learning_rate(rate);
  }

  /// Epoch `number`, from 1, in which `monitor` was `value`.
  template <class Callback>
  void epoch(Callback& callback, int number, Monitor monitor, double value) {
    net.set_parameters(std::vector<float>(Traits<Net>::parameter_count, static_cast<float>(number)));
    EpochRecord record{.epoch = number};
    (monitor == Monitor::val_loss ? record.val_loss : record.val_accuracy) = value;
    callback.epoch_end(run, record);
  }
  /// The epoch whose parameters the network has.
  [[nodiscard]] int weights() const { return static_cast<int>(net.parameters()[0]); }

  ClassifierOf<Net, Reference<float>> net;
  TrainingRun run;
};

}  // namespace cxrnet::test
