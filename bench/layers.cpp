// Time of each distinct layer of VGG16, and of the passes before the network. GFLOP/s count the multiply-adds of direct
// convolution, so that Winograd may exceed the processor's peak.
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/predict.hpp>

#include <benchmark/benchmark.h>
#include <vector>

namespace {

using namespace cxrnet;

/// One frozen layer as a network of its own, a batch of images at a time.
template <class Backend, int Size, int Channels, class L>
void layer(benchmark::State& state) {
  using Net = Seq<Input<Size, Size, Channels>, Freeze<L>>;
  const int batch = static_cast<int>(state.range(0));
  const Model<Net, Backend> net(batch);
  const std::vector<float> images(Traits<Net>::input.size() * static_cast<std::size_t>(batch), 0.5F);
  std::vector<float> output(Traits<Net>::output.size() * static_cast<std::size_t>(batch));
  for (auto _ : state) net.features_of_prepared(images, output);
  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["GFLOP/s"] = benchmark::Counter(Traits<Net>::flops * batch * 1e-9,
                                                 benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(net.algorithms().front().name);
}

template <int Filters>
using Conv = Conv2D<Filters, 3, Same, Relu>;

#define CXRNET_CONVOLUTION(size, in, out)                                                                            \
  BENCHMARK(layer<Cpu, size, in, Conv<out>>)->Name("conv " #in " to " #out " at " #size)->Arg(1)->Arg(8)             \
      ->UseRealTime()->Unit(benchmark::kMillisecond);                                                                \
  BENCHMARK(layer<OneDnn, size, in, Conv<out>>)->Name("conv " #in " to " #out " at " #size ", oneDNN")->Arg(1)->Arg(8) \
      ->UseRealTime()->Unit(benchmark::kMillisecond);                                                                \
  BENCHMARK(layer<OneDnnDirect, size, in, Conv<out>>)->Name("conv " #in " to " #out " at " #size ", direct")->Arg(8) \
      ->UseRealTime()->Unit(benchmark::kMillisecond)

CXRNET_CONVOLUTION(224, 3, 64);
CXRNET_CONVOLUTION(224, 64, 64);
CXRNET_CONVOLUTION(112, 64, 128);
CXRNET_CONVOLUTION(112, 128, 128);
CXRNET_CONVOLUTION(56, 128, 256);
CXRNET_CONVOLUTION(56, 256, 256);
CXRNET_CONVOLUTION(28, 256, 512);
CXRNET_CONVOLUTION(28, 512, 512);
CXRNET_CONVOLUTION(14, 512, 512);
BENCHMARK(layer<Cpu, 224, 64, MaxPool<2>>)->Name("max_pool 64 at 224")->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(layer<Cpu, 7, 512, GAP>)->Name("global_average_pool 512 at 7")->Arg(8)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// From decoded bytes to the network's input, one image on one thread.
template <class Augmentation>
void preparation(benchmark::State& state) {
  std::vector<std::uint8_t> pixels(224 * 224 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24U);
  std::vector<float> prepared(pixels.size());
  std::uint32_t sample = 0;
  for (auto _ : state) {
    RandomStream random(0, RandomUse::transform, 0, sample++);
    prepare<Augmentation, Rescale<1, 255>>(pixels.data(), 224, 224, Augmentation::draw(random, {224, 224}),
                                           prepared.data());
    benchmark::DoNotOptimize(prepared.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(preparation<NoAugment>)->Name("prepare, rescale alone")->Unit(benchmark::kMicrosecond);
BENCHMARK(preparation<ReferenceAugment>)->Name("prepare, the reference's augmentation")->Unit(benchmark::kMicrosecond);

}  // namespace
