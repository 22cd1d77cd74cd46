// What the reference's network asks of a GPU, and what that may take: launches, counted on the simulated device; for each graph
// the longer of its multiply-adds at a share of the tensor cores' peak and of its bytes at the memory's speed.
// Fails where a forward or a step launches more than it should.
#include "network.hpp"

#include "../unit/simulated_device.hpp"

#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/train/trainer.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>
#include <vector>

namespace {

using namespace cxrnet;
using namespace cxrnet::cuda;
namespace networks = cxrnet::cuda::test;
using cxrnet::test::SimulatedDevice;
using Simulated = CudaOn<Half, SimulatedDevice>;

/// Published: dense half with sums in float, 10^12 operations a second; memory, 10^9 bytes a second.
struct Gpu {
  std::string_view name;
  double tera, giga;
};
constexpr std::array gpus{Gpu{"A100 80GB SXM", 312, 2039}, Gpu{"L4", 121, 300},         Gpu{"H100 80GB SXM", 989, 3350},
                          Gpu{"RTX 4090", 165, 1008},      Gpu{"RTX 5090", 209, 1792}, Gpu{"B200", 2250, 8000}};

/// The share of its peak that convolutions are taken to reach: what VGG16's reached forward at batch 32 on an H100, all of
/// them together (docs/cuda.md).
constexpr double share = 0.56;

double bytes_of(const Graph& g) {
  double sum = 0;
  for (const std::size_t bytes : g.operand_bytes()) sum += static_cast<double>(bytes);
  return sum;
}

void print_times(const char* what, const std::vector<Graph>& graphs) {
  const int batch = graphs.front().batch;
  double flops = 0, bytes = 0;
  for (const Graph& g : graphs) flops += g.flops(), bytes += bytes_of(g);
  std::printf("\n%s, f16, batch %d: %.0f GFLOP and %.2f GB in %zu graphs of convolutions\n%-16s %10s %12s\n", what, batch, flops * 1e-9,
              bytes * 1e-9, graphs.size(), "GPU", "ms", "images/s");
  for (const Gpu& gpu : gpus) {
    double seconds = 0;
    for (const Graph& g : graphs) seconds += std::max(g.flops() / (share * gpu.tera * 1e12), bytes_of(g) / (gpu.giga * 1e9));
    std::printf("%-16.*s %10.2f %12.0f\n", static_cast<int>(gpu.name.size()), gpu.name.data(), seconds * 1e3, batch / seconds);
  }
}

/// Launches of a forward of the frozen network, and of a step that trains block 5, from decoded images to new parameters.
int count_launches() {
  SimulatedDevice device;
  device.computes = false;
  constexpr int n = 1;
  const std::vector<float> image(Traits<networks::Net<Frozen>>::input.size(), 0.5F);
  std::size_t forward = 0, step = 0;
  {
    const Model<networks::Net<Frozen>, Simulated> model(n, 1);
    std::vector<float> probabilities(2);
    model.predict(std::span<const float>(image), std::span(probabilities));
    device.launches = 0;
    model.predict(std::span<const float>(image), std::span(probabilities));
    forward = device.launches;
  }
  {
    using Net = networks::Net<FreezeThrough<4>>;
    Model<Net, Simulated> model(n, 1);
    Trainer<Net, Simulated> trainer(model);
    const std::vector<std::uint8_t> rgb(Traits<Net>::input.size(), 128);
    const std::array<Affine, n> maps{};
    const std::array<float, 2> targets{0, 1};
    const auto run = [&] {
      trainer.stage(std::span<const std::uint8_t>(rgb), std::span<const Affine>(maps));
      trainer.begin_step(targets);
      trainer.end_step();
    };
    run();
    run();
    device.launches = 0;
    device.may_allocate = false;
    run();
    step = device.launches;
  }
  for (const std::string& hazard : device.hazards) std::printf("HAZARD %s\n", hazard.c_str());
  const bool few = forward <= 25 && step <= 60 && forward > 20 && step > forward;
  std::printf("launches: %zu of a forward (25 at most), %zu of a step that trains block 5 (60 at most)%s\n", forward, step,
              few ? "" : " WRONG");
  return few && device.hazards.empty() && device.live() == 0 ? 0 : 1;
}

}  // namespace

int main() try {
  std::printf("Modelled, not measured: a convolution takes the longer of its work at %.2f of the published peak and its bytes at the "
              "published speed of memory; nothing else is counted.\n", share);
  print_times("Forward", networks::graphs_of_network<networks::Net<Frozen>, Mode::inference>(Number::half, 32));
  print_times("A step that trains block 5", networks::graphs_of_network<networks::Net<FreezeThrough<4>>, Mode::training>(Number::half, 32));
  print_times("A step that trains all", networks::graphs_of_network<networks::Net<Trainable>, Mode::training>(Number::half, 32));
  std::printf("\n");
  return count_launches();
} catch (const std::exception& error) {
  std::fprintf(stderr, "model: %s\n", error.what());
  return 1;
}
