#include <cxrnet/backend/cuda/trial.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "simulated_device.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::cuda;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::nothing_thrown;
using cxrnet::test::SimulatedDevice;

namespace {

/// The choice among plans that take these seconds, always; a negative one does not run.
std::size_t choice(const std::vector<double>& times, const Trial& trial = {}) {
  return quickest(times.size(), [&](std::size_t k) {
    if (times[k] < 0) throw BackendError("plan " + std::to_string(k) + " broke.");
    return times[k];
  }, trial);
}

struct Needing {
  std::size_t workspace_bytes;
};

/// A device whose plans take, in turn, the seconds that a test says.
class TimedDevice : public SimulatedDevice {
 public:
  explicit TimedDevice(std::vector<double> of_plans) : times(std::move(of_plans)) {}
  template <class Work>
  double seconds(Queue&, Work work) {
    work();
    return times[timed++ % times.size()];
  }
  std::vector<double> times;
  std::size_t timed = 0;
};

Graph graph_of(Pattern pattern, Number number, int batch = 2) {
  const op::Window window{.height = 3, .width = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  const bool relu = pattern == Pattern::convolution || pattern == Pattern::data_gradient;
  return {.pattern = pattern, .number = number, .batch = batch, .in = image_dims(6, 5, 8), .out = image_dims(6, 5, 16), .window = window,
          .bias = pattern == Pattern::convolution, .relu = relu};
}

}  // namespace

TEST_CASE("A trial takes the quickest plan, of nearly equal ones the earliest", "[cuda]") {
  CHECK(choice({3, 2, 1, 4}) == 2);
  CHECK(choice({1.5, 1.01, 1, 1.02}) == 1);
  CHECK(choice({1.019, 1.5, 1}) == 0);
  CHECK(choice({1.021, 1.5, 1}) == 2);
  CHECK(choice({1.3, 1.1, 1}, {.tie = 0.5}) == 0);
  CHECK(choice({7}) == 0);
}

TEST_CASE("A plan's best round counts, its first runs do not, and plans take turns", "[cuda]") {
  std::vector<std::size_t> order;
  const std::vector<std::vector<double>> times{{0.1, 0.1, 5, 5, 5}, {90, 90, 9, 3, 9}, {9, 9, 4, 4, 4}};
  std::vector<std::size_t> runs(3);
  const std::size_t chosen = quickest(3, [&](std::size_t k) {
    order.push_back(k);
    return times[k][runs[k]++];
  }, {.warm_ups = 2, .rounds = 3});
  CHECK(chosen == 1);
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2});
}

TEST_CASE("A plan that does not run is left out, at once or later", "[cuda]") {
  CHECK(choice({-1, 2, 3}) == 1);
  CHECK(choice({2, -1, 3}) == 0);
  int runs = 0;
  const std::size_t chosen = quickest(2, [&](std::size_t k) {
    if (k == 0 && ++runs == 5) throw BackendError("it broke.");
    return k == 0 ? 1.0 : 2.0;
  });
  CHECK(chosen == 1);
  CHECK(runs == 5);
  CHECK(message_of<BackendError>([] { choice({-1, -1}); }) ==
        "None of 2 plans ran in a trial; go without one. The last one's reason: plan 1 broke.");
}

TEST_CASE("The first plan is tried whatever it needs, others within a workspace, up to a number", "[cuda]") {
  const Trial trial{.plans = 3, .workspace_bytes = 100};
  std::vector<Needing> plans;
  CHECK(enter(plans, {500}, trial));
  CHECK(enter(plans, {101}, trial));
  CHECK(enter(plans, {100}, trial));
  CHECK_FALSE(enter(plans, {0}, trial));
  REQUIRE(plans.size() == 3);
  CHECK((plans[0].workspace_bytes == 500 && plans[1].workspace_bytes == 100 && plans[2].workspace_bytes == 0));
}

TEST_CASE("Plans are timed on small finite numbers of either sign, others for each operand", "[cuda]") {
  for (const Number number : {Number::half, Number::bfloat16, Number::tf32, Number::float32}) {
    const auto bytes = trial_numbers(number, 1000, 0);
    REQUIRE(bytes.size() == 1000 * size_of(number));
    CHECK(bytes != trial_numbers(number, 1000, 1));
    int below = 0;
    for (std::size_t i = 0; i < 1000; ++i) {
      float x = 0;
      if (number == Number::half) x = to_float(reinterpret_cast<const Float16*>(bytes.data())[i]);
      else if (number == Number::bfloat16) x = to_float(reinterpret_cast<const BFloat16*>(bytes.data())[i]);
      else x = reinterpret_cast<const float*>(bytes.data())[i];
      CHECK((std::isfinite(x) && std::abs(x) <= 0.125F));
      below += x < 0 ? 1 : 0;
    }
    CHECK((below > 400 && below < 600));
  }
}

TEST_CASE("A trial on a device reads what it wrote, replays, and gives all memory back", "[cuda]") {
  for (const Pattern pattern : {Pattern::convolution, Pattern::data_gradient, Pattern::weight_gradient, Pattern::bias_gradient}) {
    for (const Number number : {Number::half, Number::bfloat16, Number::float32}) {
      const Graph graph = graph_of(pattern, number);
      INFO(describe(graph));
      TimedDevice device({3, 1, 2});
      TimedDevice::Queue queue(device);
      const std::vector<TimedDevice::Plan> plans{{graph, 256}, {graph, 1024}, {graph, 0}};
      CHECK(quickest_plan(device, queue, graph, plans) == 1);
      CHECK(device.hazards == std::vector<std::string>{});
      CHECK(device.timed == 21);
      CHECK(device.replays == 18);  // all but each one's first
      CHECK(device.live() == 0);
    }
  }
}

TEST_CASE("Operands larger than what is drawn for them are written to their ends", "[cuda]") {
  const Graph graph = graph_of(Pattern::weight_gradient, Number::half, 2001);
  REQUIRE(graph.operand_numbers()[0] > (1U << 18U));
  TimedDevice device({1, 2});
  device.computes = false;
  TimedDevice::Queue queue(device);
  const std::vector<TimedDevice::Plan> plans{{graph, 256}, {graph, 256}};
  CHECK(quickest_plan(device, queue, graph, plans) == 0);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("A single plan needs no trial, and whatever fails in one gives all memory back", "[cuda]") {
  const Graph graph = graph_of(Pattern::convolution, Number::half);
  const std::vector<TimedDevice::Plan> plans{{graph, 256}, {graph, 256}};
  {
    TimedDevice device({1});
    TimedDevice::Queue queue(device);
    CHECK(quickest_plan(device, queue, graph, std::span(plans).first(1)) == 0);
    CHECK(device.timed == 0);
  }
  std::size_t calls = 0;
  {
    TimedDevice device({1, 1});
    TimedDevice::Queue queue(device);
    quickest_plan(device, queue, graph, plans);
    calls = device.calls;
  }
  for (std::size_t fail_at = 2; fail_at <= calls; ++fail_at) {
    TimedDevice device({1, 1});
    TimedDevice::Queue queue(device);
    device.fail_at = fail_at;
    std::size_t chosen = 0;
    const std::string message = message_of<BackendError>([&] { chosen = quickest_plan(device, queue, graph, plans); });
    INFO(fail_at << ": " << message);
    CHECK((message == nothing_thrown ? chosen < 2 : has(message, "The simulated device failed")));
    CHECK(device.hazards == std::vector<std::string>{});
    CHECK(device.live() == 0);
  }
}
