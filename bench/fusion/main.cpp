// Times stacks of layers with more and more of a backend's fusions; see docs/fusion.md.
#include "bandwidth.hpp"
#include "measure.hpp"

#include <cxrnet/core/error.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/report/text.hpp>

#include "../peers/fma_peak.hpp"

#include <CLI/CLI.hpp>
#include <benchmark/benchmark.h>
#include <exception>
#include <fstream>
#include <iostream>
#include <omp.h>

namespace cxrnet::fusion {

namespace {

struct Settings {
  std::vector<int> batches{1, 8};
  std::string filter;
  std::string backend = "cpu";
  Effort effort;
  int threads = 0;
  int triad_mb = 256;
  bool list = false;
  bool operations = false;
  std::filesystem::path json, csv, plot;
};

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return printable(line.substr(line.find(':') + 2));
  }
  return "a processor of no known name";
}

Machine describe_machine(const Settings& settings) {
  Machine machine{.processor = processor(), .software = {}, .backend = settings.backend,
                  .instructions = std::string(name_of(simd_target())), .threads = thread_count(), .roof = {}};
  machine.software = "cxrnet " + std::string(version) + ", " + onednn::version();
  machine.roof.flops = peers::measure_fma_peak(0.6).gflops * 1e9;
  machine.roof.bytes = measure_triad(static_cast<std::size_t>(settings.triad_mb) << 20U, 0.6);
  return machine;
}

std::vector<Stack> chosen(const Settings& settings) {
  std::vector<Stack> list = stacks(settings.backend);
  std::string names;
  for (const Stack& stack : list) names += (names.empty() ? "" : ", ") + stack.name;
  std::erase_if(list, [&](const Stack& stack) { return stack.name.find(settings.filter) == std::string::npos; });
  if (list.empty()) throw ArgumentError("No stack's name holds '" + settings.filter + "'; there are: " + names + ".");
  return list;
}

void run(const Settings& settings) {
  const std::vector<Stack> list = chosen(settings);
  if (settings.list) {
    for (const Stack& stack : list) std::cout << stack.name << '\n';
    return;
  }
  for (const auto& file : {settings.json, settings.csv, settings.plot}) {
    if (!file.empty()) require_writable(file);
  }
  if (!settings.plot.empty() && settings.plot.extension() != ".svg" && settings.plot.extension() != ".png") {
    throw ArgumentError("cannot draw '" + settings.plot.string() + "': name a file that ends in .svg or .png");
  }
  if (settings.threads > 0) omp_set_num_threads(settings.threads);
  const Machine machine = describe_machine(settings);
  std::cout << table_head(machine) << std::flush;
  std::vector<StackResult> results;
  for (const Stack& stack : list) {
    for (const int batch : settings.batches) {
      results.push_back(measure(stack, batch, settings.effort));
      std::cout << table_rows(machine, results.back()) << std::flush;
    }
  }
  if (settings.operations) {
    for (const StackResult& result : results) std::cout << operations_table(machine, result);
  }
  if (!settings.json.empty()) write_atomically(settings.json, json_of(machine, results));
  if (!settings.csv.empty()) write_atomically(settings.csv, csv_of(machine, results));
  if (!settings.plot.empty()) write_plot(settings.plot, machine, results);
}

}  // namespace

}  // namespace cxrnet::fusion

int main(int argc, char** argv) {
  using cxrnet::fusion::Settings;
  CLI::App app("Times stacks of layers with none, one, two ... all of a backend's fusions. A stack of your own: "
               "bash bench/fusion/run.sh --net HEADER.");
  Settings settings;
  const auto positive = CLI::Range(1, 4096);
  app.add_option("--batch", settings.batches, "Images at once; several, with commas between (default 1,8)")
      ->delimiter(',')->check(positive);
  app.add_option("--filter", settings.filter, "Only stacks whose name holds this text");
  app.add_flag("--list", settings.list, "Print the stacks' names");
  app.add_option("--backend", settings.backend, "cpu (our own convolutions, the default), onednn, or direct (oneDNN's direct ones)")
      ->check(CLI::IsMember({"cpu", "onednn", "direct"}));
  app.add_option("--seconds", settings.effort.seconds, "Time for each stack and batch, at least (default 1)")
      ->check(CLI::Range(0.001, 3600.0));
  app.add_option("--rounds", settings.effort.rounds, "Runs of each variant, at least (default 5)")->check(positive);
  app.add_option("--threads", settings.threads, "Processor threads to use (default: all)")->check(positive);
  app.add_option("--triad-mb", settings.triad_mb, "Size of each of three arrays that memory is timed with (default 256)")->check(positive);
  app.add_flag("--operations", settings.operations, "The time of each operation too");
  app.add_option("--json", settings.json, "Everything, as JSON");
  app.add_option("--csv", settings.csv, "The table, as CSV");
  app.add_option("--plot", settings.plot, "Time by operation and the roofline: a file that ends in .svg or .png");
  CLI11_PARSE(app, argc, argv);
  try {
    int one = 1;
    benchmark::Initialize(&one, argv);  // its own options are not ours
    cxrnet::fusion::run(settings);
    return 0;
  } catch (const std::bad_alloc&) {
    std::cerr << "fusion: there is not enough memory for this; give smaller batches.\n";
  } catch (const std::exception& error) {
    std::cerr << "fusion: " << cxrnet::printable(error.what()) << '\n';
  }
  return 1;
}
