// Time of one fine-tuning step on prepared images: what is frozen forward, the rest forward, backward and updated.
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

#include <benchmark/benchmark.h>
#include <vector>

namespace {

using namespace cxrnet;

template <class Training>
using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

template <class Training, class Backend>
void step(benchmark::State& state) {
  using N = Net<Training>;
  const auto batch = static_cast<std::size_t>(state.range(0));
  Model<N, Backend> net(static_cast<int>(batch));
  Trainer<N, Backend> trainer(net);
  const std::vector<float> images(Traits<N>::input.size() * batch, 0.5F);
  std::vector<float> features(Traits<N>::features.size() * batch);
  const std::vector<int> labels(batch, 1);
  for (auto _ : state) {
    net.features_of_prepared(images, features);
    benchmark::DoNotOptimize(trainer.step(features, labels));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(step<Frozen, Cpu>)->Name("frozen")->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(step<FreezeThrough<4>, Cpu>)->Name("block 5")->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(step<Trainable, Cpu>)->Name("all")->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
