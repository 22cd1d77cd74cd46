// A small residual network with batch normalisation and dropout on the GPU that is here, in every kind of number: gradients and
// statistics of a part batch, and some steps, against the CPU's plain loops. Skips (status 77) where there is no GPU.
#include "gpu.hpp"

#include <cxrnet/backend/cuda/cuda_device.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/resnet.hpp>
#include <cxrnet/train/sgd.hpp>
#include <cxrnet/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <thread>
#include <vector>

namespace {

using namespace cxrnet;
using cuda::test::error;

using Net = Seq<ResNetBackbone<2, 12, Input<32, 28, 3>>, GAP, Dropout<0.3>, Dense<4, Softmax>>;
constexpr std::uint64_t seed = 1;
constexpr std::size_t capacity = 8;

struct Run {
  std::vector<float> gradients, losses, probabilities;
};

/// Gradients of 5 of 8 images, which make statistics of some places and of many; losses of steps on 8 and 5 in turn, recorded the
/// second time; what is predicted then, by moving averages.
template <class Backend>
Run run() {
  using T = Traits<Net>;
  Model<Net, Backend> model(static_cast<int>(capacity), seed);
  Trainer<Net, Backend, Sgd> trainer(model, Sgd{.learning_rate = 0.02}, seed);
  std::vector<float> x(capacity * T::features.size());
  std::vector<int> labels(capacity);
  RandomStream stream(seed, RandomUse::weights, 1, 2);
  for (float& v : x) v = static_cast<float>(stream.uniform(-1, 1));
  for (std::size_t i = 0; i < capacity; ++i) labels[i] = static_cast<int>(i % 4);
  const auto first = [&](std::size_t n) { return std::span<const float>(x).first(n * T::features.size()); };
  Run result;
  trainer.gradients_of(first(5), std::span<const int>(labels).first(5));
  result.gradients.assign(trainer.gradients().begin(), trainer.gradients().end());
  for (int step = 0; step < 4; ++step) {
    const std::size_t n = step % 2 == 0 ? 8 : 5;
    result.losses.push_back(static_cast<float>(trainer.step(first(n), std::span<const int>(labels).first(n)).loss_sum));
  }
  result.probabilities.resize(capacity * T::output.size());
  model.predict_features(x, result.probabilities);
  return result;
}

template <class Numbers>
int check(const char* name, const Run& truth, double gradients_bound, double bound) {
  const Run here = run<Cuda<Numbers>>();
  const double gradients = error(here.gradients, truth.gradients), losses = error(here.losses, truth.losses);
  const double probabilities = error(here.probabilities, truth.probabilities);
  const bool right = gradients < gradients_bound && losses < bound && probabilities < bound;
  std::printf("%-5s gradients and statistics within %.1e, losses of 4 steps within %.1e, probabilities within %.1e%s\n", name, gradients,
              losses, probabilities, right ? "" : " WRONG");
  std::fflush(stdout);
  return right ? 0 : 1;
}

/// Threads that begin on one network at once predict what one does alone.
int check_threads() {
  const auto predictions = [](std::size_t threads) {
    const Model<Net, Cuda<Half>> model(static_cast<int>(capacity), seed);
    const std::vector<float> x(capacity * Traits<Net>::features.size(), 0.5F);
    std::vector<std::vector<float>> of_threads(threads, std::vector<float>(capacity * Traits<Net>::output.size()));
    {
      std::vector<std::jthread> running;
      for (auto& probabilities : of_threads) {
        running.emplace_back([&] {
          for (int time = 0; time < 3; ++time) model.predict_features(x, probabilities);
        });
      }
    }
    return of_threads;
  };
  const auto alone = predictions(1).front();
  const bool right = std::ranges::all_of(predictions(4), [&](const auto& there) { return there == alone; });
  std::printf("four threads predict what one does%s\n", right ? "" : " WRONG");
  return right ? 0 : 1;
}

}  // namespace

int main() try {
  if (!cuda::test::has_gpu()) return cuda::test::skipped;
  const Run truth = run<Reference<float>>();
  const int wrong = check<Float>("f32", truth, 5e-3, 1e-3) + check<Tf32>("tf32", truth, 1e-1, 2e-2) +
                    check<Half>("f16", truth, 1e-1, 2e-2) + check<Bf16>("bf16", truth, 3e-1, 1e-1) + check_threads() +
                    cuda::test::unrecorded();
  return wrong == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "gpu_layers: %s\n", error.what());
  return 1;
}
