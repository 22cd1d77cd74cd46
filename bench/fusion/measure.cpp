#include "measure.hpp"

#include <cxrnet/core/error.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cmath>
#include <numeric>

namespace cxrnet::fusion {

namespace {

/// The value at a share of the sorted numbers.
double quantile(std::vector<double> values, double at) {
  std::sort(values.begin(), values.end());
  const double place = at * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], place - static_cast<double>(below));
}

/// A variant that is timed: the seconds of each operation, run after run.
struct Timed {
  Variant variant;
  std::unique_ptr<Run> run;
  std::vector<float> output;
  std::vector<std::vector<double>> seconds;  ///< by operation, by run
  std::vector<double> sums;                  ///< by run

  double once(std::span<const float> input) {
    Profile profile{.seconds = std::vector<double>(variant.operations.size())};
    run->forward(input, output, profile);
    for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i].push_back(profile.seconds[i]);
    sums.push_back(std::accumulate(profile.seconds.begin(), profile.seconds.end(), 0.0));
    return sums.back();
  }
};

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double one = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!std::isfinite(one)) return INFINITY;
    difference = std::max(difference, one);
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return largest == 0 ? difference : difference / largest;
}

/// Google Benchmark decides how often to run; our table tells what came of it.
class Silent : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>&) override {}
};

void time_in_turn(const std::string& name, std::vector<Timed>& variants, std::span<const float> input, const Effort& effort) {
  std::size_t turn = 0;
  const auto rounds = [&](benchmark::State& state) {
    for (auto _ : state) {
      double sum = 0;
      for (std::size_t k = 0; k < variants.size(); ++k) sum += variants[(k + turn) % variants.size()].once(input);
      ++turn;  // so that none always comes after the same
      state.SetIterationTime(sum);
    }
  };
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark(name.c_str(), rounds)
      ->UseManualTime()
      ->MinTime(effort.seconds / effort.rounds)
      ->Repetitions(effort.rounds);
  Silent silent;
  benchmark::RunSpecifiedBenchmarks(&silent, ".");
}

VariantResult result_of(const Stack& stack, int batch, const Timed& timed, const Timed& unfused) {
  const auto algorithms = timed.run->algorithms();
  VariantResult result{.rules = timed.variant.rules, .operations = {}};
  for (std::size_t i = 0; i < timed.seconds.size(); ++i) {
    const op::Operation& o = timed.variant.operations[i];
    const auto& layer = stack.layers[static_cast<std::size_t>(o.layer)];
    result.operations.push_back({std::string(layer.name.view()), describe(o), algorithms[i].name,
                                 quantile(timed.seconds[i], 0.5), stated_work(o, stack.parameters, batch),
                                 done_work(o, stack.parameters, batch, algorithms[i].name)});
  }
  result.seconds = quantile(timed.sums, 0.5);
  result.low = quantile(timed.sums, 0.25);
  result.high = quantile(timed.sums, 0.75);
  std::vector<double> ratios(timed.sums.size());
  for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] = unfused.sums[i] / timed.sums[i];
  result.speed_up = quantile(ratios, 0.5);
  result.speed_up_low = quantile(ratios, 0.25);
  result.speed_up_high = quantile(ratios, 0.75);
  result.difference = largest_difference(timed.output, unfused.output);
  return result;
}

/// Biases start at zero, which would hide one that is lost.
std::vector<float> parameters_of(const Stack& stack, RandomStream& random) {
  std::vector<float> values = stack.initial(0);
  for (const ParameterInfo& info : stack.parameters) {
    if (info.parameter.rank != 1) continue;
    for (std::size_t i = 0; i < info.parameter.size(); ++i) values[info.offset + i] += static_cast<float>(random.uniform(-0.1, 0.1));
  }
  return values;
}

}  // namespace

StackResult measure(const Stack& stack, int batch, const Effort& effort) {
  const auto images = static_cast<std::size_t>(batch);
  RandomStream random(1, RandomUse::weights, 1, 0);
  std::vector<float> input(images * stack.input.size());
  for (float& value : input) value = static_cast<float>(random.uniform(-1, 1));
  const std::vector<float> parameters = parameters_of(stack, random);
  std::vector<Timed> variants;
  for (const Variant& variant : stack.variants) {
    Timed& timed = variants.emplace_back(Timed{variant, variant.prepare(batch, parameters.data()),
                                               std::vector<float>(images * stack.output.size()), {}, {}});
    timed.once(input);  // pages and threads; not counted
    timed.sums.clear();
    timed.seconds.resize(variant.operations.size());
    const double difference = largest_difference(timed.output, variants.front().output);
    if (difference > 1e-4) {
      throw BackendError("'" + stack.name + "' with " + variant.rules + " does not give what it gives unfused: " +
                         std::to_string(difference) + " of the largest output apart; its times would mean nothing.");
    }
  }
  time_in_turn(stack.name, variants, input, effort);
  StackResult result{stack.name, stack.drawn, batch, static_cast<int>(variants.front().sums.size()), {}};
  for (const Timed& timed : variants) result.variants.push_back(result_of(stack, batch, timed, variants.front()));
  return result;
}

}  // namespace cxrnet::fusion
