// Builds cuDNN's plans for the reference's network where its GPU is not: a folder for --cuda-plans.
#include "common/program.hpp"

#include <cxrnet/backend/cuda/plan_candidates.hpp>
#include <cxrnet/backend/cuda/plan_files.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/report/text.hpp>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

struct Settings {
  std::filesystem::path gpu, out;
  std::vector<int> batches{1, 32};
};

/// A network's graphs: before the cut forward, behind it both ways.
template <class Training>
void add_graphs(int batch, std::vector<cuda::Graph>& all) {
  using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  using Lowering = Lowered<Net, Reference<float, Rules<FuseBias, FuseRelu>>, Mode::training>;
  for (const auto& graphs : {cuda::graphs_of(Lowering::backbone.operations, cuda::Number::half, batch),
                             cuda::graphs_of(Lowering::head.operations, cuda::Number::half, batch)}) {
    for (const cuda::Graph& g : graphs) {
      if (std::ranges::find(all, g) == all.end()) all.push_back(g);
    }
  }
}

std::string text_of(const std::filesystem::path& path) {
  const InputFile file(path);
  if (file.size() > (1U << 20U)) throw FormatError("'" + path.string() + "' is no GPU's properties: it is too large.");
  return file.text();
}

int build(const Settings& settings) {
  const std::string properties = text_of(settings.gpu);
  const std::string gpu = cuda::gpu_key(properties);
  const cuda::Target target = cuda::Target::described(properties);
  const cuda::PlanFiles files(settings.out);
  std::vector<cuda::Graph> graphs;
  for (const int batch : settings.batches) {
    add_graphs<Frozen>(batch, graphs);
    add_graphs<FreezeThrough<4>>(batch, graphs);
    add_graphs<Trainable>(batch, graphs);
  }
  std::size_t built = 0;
  for (const cuda::Graph& graph : graphs) {
    try {
      files.keep(cuda::build_plan(graph, target), gpu);
      ++built;
    } catch (const BackendError& error) {
      std::cerr << "note: left out, for the GPU itself to build: " << error.what() << '\n';
    }
  }
  std::cout << built << " of " << graphs.size() << " plans for " << printable(gpu) << ", cuDNN " << cuda::cudnn_version()
            << ", are in " << printable(settings.out.string()) << ".\n";
  return built == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Builds cuDNN's plans of the reference's network for a GPU that need not be here, for --cuda-plans.");
  Settings settings;
  app.add_option("--gpu", settings.gpu, "The GPU's properties as cuDNN writes them, JSON")->required();
  app.add_option("--out", settings.out, "Folder that the plans go to")->required();
  app.add_option("--batch", settings.batches, "Batches: 1 for predict, train's and evaluate's own")->capture_default_str()
      ->check(CLI::Range(1, 4096));
  return run(app, argc, argv, [&] { return build(settings); });
}
