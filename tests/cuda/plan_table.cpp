// Builds every graph of the reference's network to a plan for GPUs that are only described: a table, and JSON. Each GPU has a
// process of its own, so that a crash within cuDNN fails one GPU's rows by name.
// Usage: plan_table JSON BATCHES NUMBERS PROPERTIES...   (batches "1,32,256", numbers "f16,bf16,tf32,f32")
#include "network.hpp"

#include <cxrnet/backend/cuda/plan_candidates.hpp>
#include <cxrnet/backend/cuda/plan_files.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace cxrnet;
using namespace cxrnet::cuda;
using Json = nlohmann::ordered_json;

std::vector<std::string> parts(const std::string& list) {
  std::vector<std::string> items;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) items.push_back(item);
  return items;
}

Number number_of(const std::string& name) {
  for (const Number n : {Number::half, Number::bfloat16, Number::tf32, Number::float32}) {
    if (name == name_of(n)) return n;
  }
  throw ArgumentError("'" + name + "' is no number: f16, bf16, tf32 or f32.");
}

/// cuDNN's own output dims of a convolution, checked against the type's.
void check_dims(const Graph& g) {
  cudnnTensorDescriptor_t x = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t c = nullptr;
  check(cudnnCreateTensorDescriptor(&x), "making a tensor");
  check(cudnnCreateFilterDescriptor(&w), "making a filter");
  check(cudnnCreateConvolutionDescriptor(&c), "making a convolution");
  check(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, CUDNN_DATA_HALF, g.batch, g.in.channels, g.in.height, g.in.width), "a tensor");
  check(cudnnSetFilter4dDescriptor(w, CUDNN_DATA_HALF, CUDNN_TENSOR_NHWC, g.out.channels, g.in.channels, g.window.height, g.window.width),
        "a filter");
  check(cudnnSetConvolution2dDescriptor(c, g.window.pad_top, g.window.pad_left, g.window.stride, g.window.stride, 1, 1,
                                        CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        "a convolution");
  int n = 0, k = 0, h = 0, width = 0;
  check(cudnnGetConvolution2dForwardOutputDim(c, x, w, &n, &k, &h, &width), "asking for dims");
  cudnnDestroyConvolutionDescriptor(c);
  cudnnDestroyFilterDescriptor(w);
  cudnnDestroyTensorDescriptor(x);
  if (n != g.batch || k != g.out.channels || h != g.out.height || width != g.out.width) {
    throw BackendError("cuDNN's dims of " + describe(g) + " are others.");
  }
}

/// A plan comes back out of a file as it went, for its own GPU and graph.
void check_reload(const Plan& plan, const std::string& gpu, const Target& target, const PlanFiles& files) {
  if (files.find(plan.graph, gpu, target)) throw BackendError("a plan was found before it was kept.");
  files.keep(plan, gpu);
  const auto found = files.find(plan.graph, gpu, target);
  if (!found) throw BackendError("a plan that was kept is not found.");
  const bool same = found->engine.name == plan.engine.name && found->engine.notes == plan.engine.notes &&
                    found->engine.compiled == plan.engine.compiled && found->workspace_bytes == plan.workspace_bytes &&
                    found->tried == plan.tried && found->serialised() == plan.serialised();
  if (!same) throw BackendError("a plan came back out of its file as another.");
}

/// One GPU's rows, of JSON, to emit(line), and behind them how many there were.
template <class Emit>
void build(const std::string& file, const std::vector<std::string>& batches, const std::vector<std::string>& numbers, Emit emit) {
  std::ifstream in(file);
  const std::string json{std::istreambuf_iterator<char>(in), {}};
  const std::string gpu = nlohmann::json::parse(json).at("deviceName");
  const Target target = Target::described(json);
  const auto folder = std::filesystem::temp_directory_path() / ("cxrnet-plans-" + std::to_string(getpid()));
  const PlanFiles files(folder, [](const std::string& what) { throw BackendError(what); });
  std::map<std::string, Json> built;  // a graph of several passes is built once
  std::size_t rows = 0;
  for (const auto& number : numbers) {
    for (const auto& batch : batches) {
      for (const auto& pass : test::passes(number_of(number), std::atoi(batch.c_str()))) {
        for (const Graph& g : pass.graphs) {
          Json& row = built[describe(g)];
          if (row.is_null()) {
            row = {{"gpu", gpu}, {"dtype", number}, {"batch", g.batch}, {"pass", ""}, {"graph", describe(g)}};
            try {
              if (g.pattern == Pattern::convolution) check_dims(g);
              Plan plan = build_plan(g, target);
              if (less_exact(g, plan.engine.notes)) throw BackendError("its engine, " + plan.engine.name + ", is less exact than its numbers.");
              plan.tried = rows % 2 == 1;  // as a trial on a GPU would say
              check_reload(plan, gpu_key(json), target, files);
              row.update({{"engine", plan.engine.index}, {"name", plan.engine.name}, {"workspace_bytes", plan.workspace_bytes},
                          {"plan_bytes", plan.serialised().size()},
                          {"built", true}, {"deterministic", plan.engine.deterministic()}, {"tensor_cores", plan.engine.tensor_cores()},
                          {"proof", plan.engine.compiled ? "compiled through the stand-in driver" : "cuDNN's own kernel"}});
            } catch (const BackendError& error) {
              row.update({{"engine", -1}, {"workspace_bytes", 0}, {"plan_bytes", 0}, {"built", false}, {"reason", error.what()}});
            }
          }
          row["pass"] = pass.name;
          emit(row.dump());
          ++rows;
        }
      }
    }
  }
  std::filesystem::remove_all(folder);
  emit(Json{{"end", gpu}, {"rows", rows}}.dump());
}

int table(const std::string& output, const std::vector<std::string>& batches, const std::vector<std::string>& numbers,
          const std::vector<std::string>& gpus) {
  Json rows = Json::array();
  int failed = 0;
  std::size_t distinct = 0;
  for (const std::string& file : gpus) {
    int ends[2];
    if (pipe(ends) != 0) throw BackendError("No pipe can be made.");
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      dup2(2, 1);  // cuDNN prints at times
      try {
        build(file, batches, numbers, [&](std::string line) {
          line += '\n';
          for (std::size_t sent = 0; sent < line.size();) {
            const ssize_t n = write(ends[1], line.data() + sent, line.size() - sent);
            if (n <= 0) _exit(1);
            sent += static_cast<std::size_t>(n);
          }
        });
      } catch (const std::exception& error) {
        std::cerr << file << ": " << error.what() << '\n';
        _exit(1);
      }
      _exit(0);
    }
    close(ends[1]);
    std::string text;
    for (char buffer[1 << 16];;) {
      const ssize_t n = read(ends[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    std::istringstream lines(text);
    bool ended = false;
    std::size_t received = 0;
    std::map<std::string, Json> of_graph;
    std::string gpu = file;
    for (std::string line; std::getline(lines, line);) {
      Json row = Json::parse(line, nullptr, false);
      if (!row.is_object()) continue;  // cut short by a crash
      if (row.contains("end")) {
        ended = row["rows"] == received;
        continue;
      }
      ++received;
      gpu = row["gpu"];
      of_graph[row["graph"]] = row;
      rows.push_back(std::move(row));
    }
    if (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      std::printf("FAILED %s: the process ended early (status %d), behind %zu rows\n", gpu.c_str(), status, of_graph.size());
      ++failed;
    }
    std::printf("\n%s\n%-72s %6s %12s %9s\n", gpu.c_str(), "graph", "engine", "workspace", "plan");
    distinct += of_graph.size();
    for (const auto& [graph, row] : of_graph) {
      if (row["built"] == true) {
        const bool compiled = row["proof"] != "cuDNN's own kernel";
        std::printf("%-72s %5d%s%s %12lld %9lld\n", graph.c_str(), row["engine"].get<int>(), compiled ? "*" : " ",
                    row["deterministic"] == true ? " " : "~", row["workspace_bytes"].get<long long>(), row["plan_bytes"].get<long long>());
      } else {
        std::printf("%-72s REFUSED %s\n", graph.c_str(), row["reason"].get<std::string>().c_str());
        ++failed;
      }
    }
  }
  std::ofstream(output) << rows.dump(1) << '\n';
  std::printf("\n%zu plans of %zu GPUs, %d refused or failed (* compiled through the stand-in driver, ~ may differ from run to run)\n",
              distinct, gpus.size(), failed);
  return failed == 0 && distinct > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 5) {
    std::fprintf(stderr, "usage: plan_table JSON BATCHES NUMBERS PROPERTIES...\n");
    return 2;
  }
  return table(argv[1], parts(argv[2]), parts(argv[3]), {argv + 4, argv + argc});
} catch (const std::exception& error) {
  std::fprintf(stderr, "plan_table: %s\n", error.what());
  return 1;
}
