#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/number.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The trial of a graph's plans on a device, with nothing of cuDNN's in it.
namespace cxrnet::cuda {

/// How a trial is made.
struct Trial {
  std::size_t plans = 8;                                  ///< how many are tried at most
  std::size_t workspace_bytes = std::size_t{256} << 20U;  ///< what any but the first may need at most
  int warm_ups = 2;  ///< runs that are not timed: a plan loads what it needs in its first, and is recorded in its second
  int rounds = 5;    ///< each plan once in each, so that a clock that changes changes for all of them; its best counts
  double tie = 0.02;  ///< of the quickest one's time: within it the earliest plan is taken, the same one from trial to trial
};

/// Takes a plan into a trial; any but the first unless it needs too large a workspace. Whether the trial has room for more.
template <class Plan>
bool enter(std::vector<Plan>& plans, Plan plan, const Trial& trial) {
  if (plans.empty() || plan.workspace_bytes <= trial.workspace_bytes) plans.push_back(std::move(plan));
  return plans.size() < trial.plans;
}

/// Which of `count` plans is the quickest, by seconds(k), which runs one and throws BackendError where it does not run: that
/// one is then left out. BackendError where none runs.
template <class Seconds>
std::size_t quickest(std::size_t count, Seconds seconds, const Trial& trial = {}) {
  constexpr double untimed = std::numeric_limits<double>::max(), left_out = std::numeric_limits<double>::infinity();
  std::vector<double> best(count, untimed);
  std::string reason;
  for (int round = -trial.warm_ups; round < trial.rounds; ++round) {
    for (std::size_t k = 0; k < count; ++k) {
      if (best[k] == left_out) continue;
      try {
        const double took = seconds(k);
        if (round >= 0) best[k] = std::min(best[k], took);
      } catch (const BackendError& error) {
        best[k] = left_out;
        reason = error.what();
      }
    }
  }
  const double least = *std::ranges::min_element(best);
  if (least == left_out) {
    throw BackendError("None of " + std::to_string(count) + " plans ran in a trial; go without one. The last one's reason: " + reason);
  }
  const auto chosen = std::ranges::find_if(best, [&](double took) { return took <= least * (1 + trial.tie); });
  return static_cast<std::size_t>(chosen - best.begin());
}

/// What plans are timed on: small numbers of either sign, whose sums stay finite. On zeros fewer bits change, and a
/// GPU may run at higher clocks than on a network's maps; memory as it is found may hold anything.
inline std::vector<std::byte> trial_numbers(Number number, std::size_t count, std::uint32_t stream) {
  std::vector<std::byte> bytes(count * size_of(number));
  RandomStream draws(0, RandomUse::weights, 0, stream);
  const auto fill = [&]<class T>(T) {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
      const T x = cuda::number<T>(static_cast<float>(draws.uniform(-0.125, 0.125)));
      std::memcpy(bytes.data() + at, &x, sizeof(T));
    }
  };
  if (number == Number::half) fill(Float16{});
  else if (number == Number::bfloat16) fill(BFloat16{});
  else fill(0.0F);
  return bytes;
}

/// Which of a graph's plans runs it quickest on a device, replayed as a step's work is. The device also has
///
///   template <class Work> double seconds(Queue&, Work work);   that it takes for what work() gives the queue
template <class Device>
std::size_t quickest_plan(Device& device, typename Device::Queue& queue, const Graph& graph, std::span<const typename Device::Plan> plans,
                          const Trial& trial = {}) {
  if (plans.size() == 1) return 0;
  constexpr std::size_t block = std::size_t{1} << 18U;  // numbers that are drawn; an operand repeats them
  constexpr int runs = 4;                               // that are timed as one: a short one is below a clock's resolution
  std::vector<Buffer<Device>> memory;
  std::vector<void*> operands;
  for (const std::size_t bytes : graph.operand_bytes()) {
    const auto stream = static_cast<std::uint32_t>(memory.size());
    const auto numbers = trial_numbers(graph.number, std::min(block, bytes / size_of(graph.number)), stream);
    auto* const to = memory.emplace_back(device, bytes).template as<std::byte>();
    operands.push_back(to);
    for (std::size_t at = 0; at < bytes; at += numbers.size()) {
      device.upload(queue, to + at, numbers.data(), std::min(numbers.size(), bytes - at));
    }
  }
  const auto most = std::ranges::max_element(plans, {}, [](const auto& plan) { return plan.workspace_bytes; });
  const Buffer<Device> workspace(device, most->workspace_bytes);
  std::vector<typename Device::Recording> recordings(plans.size());
  return quickest(plans.size(), [&](std::size_t k) {
    return device.seconds(queue, [&] {
      device.replay(queue, recordings[k], [&] {
        for (int run = 0; run < runs; ++run) device.execute(queue, plans[k], operands, workspace.template as<void>());
      });
    }) / runs;
  }, trial);
}

}  // namespace cxrnet::cuda
