// Time of the reference job's parts: the whole network forward, the frozen part alone, a training step of the head.
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

#include <benchmark/benchmark.h>
#include <vector>

namespace {

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

template <class Backend>
void forward(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const Model<Net, Backend> net(static_cast<int>(batch));
  const std::vector<float> images(Traits<Net>::input.size() * batch, 127.0F);
  std::vector<float> probabilities(Traits<Net>::output.size() * batch);
  for (auto _ : state) net.predict(std::span<const float>(images), std::span(probabilities));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["GFLOP/s"] = benchmark::Counter(Traits<Net>::flops * static_cast<double>(batch) * 1e-9,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(forward<Cpu>)->Name("forward")->Arg(1)->Arg(8)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(forward<OneDnn>)->Name("forward, oneDNN alone")->Arg(1)->Arg(8)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(forward<OneDnnDirect>)->Name("forward, direct")->Arg(1)->Arg(8)->UseRealTime()->Unit(benchmark::kMillisecond);

void head_step(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  using Head = Seq<Input<1, 1, 512>, Flatten, Dense<128, Relu>, Dense<2, Softmax>>;
  Model<Head, Cpu> net(static_cast<int>(batch));
  Trainer<Head, Cpu> trainer(net);
  const std::vector<float> features(512 * batch, 0.5F);
  const std::vector<int> labels(batch, 1);
  for (auto _ : state) benchmark::DoNotOptimize(trainer.step(features, labels));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(head_step)->Name("training step of the head")->Arg(32)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
