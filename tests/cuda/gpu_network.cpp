// The reference's network on the GPU that is here, in every kind of number: its features, a step's gradients and some steps from
// decoded images against the CPU's plain loops, and how long they take. Skips (status 77) where there is no GPU. Usage: gpu_network [IMAGES [BATCH]]
#include "gpu.hpp"

#include <cxrnet/backend/cuda/cuda_device.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace cxrnet;
using cuda::test::error;

template <class Training>
using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
using Block5 = Net<FreezeThrough<4>>;
constexpr std::uint64_t seed = 1;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::vector<float> images(int n) {
  std::vector<float> pixels(static_cast<std::size_t>(n) * Traits<Block5>::input.size());
  RandomStream stream(seed, RandomUse::weights, 1, 2);
  for (float& p : pixels) p = static_cast<float>(stream.uniform(0, 255));
  return pixels;
}

struct Run {
  std::vector<float> maps, gradients;
  double loss = 0;
};

/// What lies before block 5 of n images, and a step's gradients.
template <class Backend>
Run run(int n) {
  Model<Block5, Backend> model(n, seed);
  Run result;
  result.maps.resize(static_cast<std::size_t>(n) * Traits<Block5>::features.size());
  const auto batch = images(n);
  model.features(std::span<const float>(batch), std::span(result.maps));
  Trainer<Block5, Backend> trainer(model);
  std::vector<int> labels(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 2);
  result.loss = trainer.gradients_of(result.maps, std::span<const int>(labels)).loss_sum;
  result.gradients.assign(trainer.gradients().begin(), trainer.gradients().end());
  return result;
}

template <class Numbers>
int check(const char* name, const Run& truth, int n, double maps_bound, double gradients_bound) {
  const Run here = run<Cuda<Numbers>>(n);
  const double maps = error(here.maps, truth.maps), gradients = error(here.gradients, truth.gradients);
  const bool right = maps < maps_bound && gradients < gradients_bound && std::abs(here.loss - truth.loss) < gradients_bound * n;
  std::printf("%-5s maps before block 5 within %.1e, gradients within %.1e, loss %.6f (CPU %.6f)%s\n", name, maps, gradients, here.loss,
              truth.loss, right ? "" : " WRONG");
  std::fflush(stdout);
  return right ? 0 : 1;
}

/// Losses of some steps from decoded images, and how far each parameter went: on a GPU staged, recorded the second time and
/// replayed from then on; elsewhere on features. Large weights make half lose gradients to infinity, and steps be made again.
struct Trained {
  std::vector<double> losses;
  std::vector<double> moves;
};
template <class Backend>
Trained train(int n, float weight) {
  constexpr int steps = 4;
  const auto count = static_cast<std::size_t>(n);
  Model<Block5, Backend> model(n, seed);
  // With an epsilon far above gradients a step is in proportion to them; else their signs decide, and rounding where they are
  // near 0. The rate makes moves that are not lost in a parameter's own rounding.
  Trainer<Block5, Backend> trainer(model, Adam{.learning_rate = 1, .epsilon = 0.1 * static_cast<double>(weight)});
  const std::vector<float> start(model.parameters().begin(), model.parameters().end());
  const std::vector<float> weights(count, weight);
  std::vector<float> targets(count * 2);  // all of one class: images of noise are so alike that others' gradients cancel
  for (std::size_t i = 0; i < count; ++i) targets[i * 2] = 1;
  std::vector<std::vector<std::uint8_t>> batches(2);
  for (std::uint32_t b = 0; b < 2; ++b) {
    RandomStream stream(seed, RandomUse::weights, 3, b);
    for (std::size_t i = 0; i < count * Traits<Block5>::input.size(); ++i) batches[b].push_back(static_cast<std::uint8_t>(stream.uniform(0, 256)));
  }
  Trained result;
  if constexpr (Trainer<Block5, Backend>::stages) {
    const std::vector<Affine> as_they_are(count);
    const auto stage = [&](int step) {
      trainer.stage(std::span<const std::uint8_t>(batches[static_cast<std::size_t>(step % 2)]), std::span<const Affine>(as_they_are));
    };
    stage(0);
    for (int step = 0; step < steps; ++step) {
      trainer.begin_step(targets, weights);
      if (step + 1 < steps) stage(step + 1);
      result.losses.push_back(trainer.end_step().loss_sum);
    }
  } else {
    std::vector<std::vector<float>> maps(2, std::vector<float>(count * Traits<Block5>::features.size()));
    for (std::size_t b = 0; b < 2; ++b) model.features(std::span<const std::uint8_t>(batches[b]), std::span(maps[b]));
    for (int step = 0; step < steps; ++step) result.losses.push_back(trainer.step(maps[static_cast<std::size_t>(step % 2)], targets, weights).loss_sum);
  }
  for (const ParameterInfo& info : Traits<Block5>::parameters) {
    if (!info.trains) continue;
    for (std::size_t i = info.offset; i < info.offset + info.parameter.size(); ++i) {
      result.moves.push_back(static_cast<double>(model.parameters()[i]) - static_cast<double>(start[i]));
    }
  }
  return result;
}

template <class Numbers>
int check_training(const char* name, const Trained& truth, int n, float weight, double bound) {
  const Trained here = train<Cuda<Numbers>>(n, weight);
  double losses = 0, apart = 0, all = 0;
  for (std::size_t i = 0; i < truth.losses.size(); ++i) {
    losses = std::max(losses, std::abs(here.losses[i] - truth.losses[i]) / std::abs(truth.losses[i]));
    if (!std::isfinite(here.losses[i])) losses = INFINITY;
  }
  for (std::size_t i = 0; i < truth.moves.size(); ++i) {
    apart += std::abs(here.moves[i] - truth.moves[i]);
    all += std::abs(truth.moves[i]);
  }
  const bool right = losses < bound && apart < 10 * bound * all;
  std::printf("%-5s 4 steps on block 5, weights %.0f: losses within %.1e, moves of parameters within %.1e%s\n", name,
              static_cast<double>(weight), losses, apart / all, right ? "" : " WRONG");
  std::fflush(stdout);
  return right ? 0 : 1;
}

/// Best of several, with the copies from and to the host.
template <class Run>
double best(Run run) {
  double least = INFINITY;
  for (int i = 0; i < 6; ++i) {
    const double start = seconds();
    run();
    least = std::min(least, seconds() - start);
  }
  return least;
}

template <class Numbers>
void time(const char* name, int n) {
  using Backend = Cuda<Numbers>;
  const auto batch = images(n);
  Model<Net<Frozen>, Backend> model(n, seed);
  std::vector<float> features(static_cast<std::size_t>(n) * Traits<Net<Frozen>>::features.size());
  const double forward = best([&] { model.features(std::span<const float>(batch), std::span(features)); });
  Profile profile;
  model.features_of_prepared(std::span<const float>(batch), std::span(features), &profile);
  profile = {};
  model.features_of_prepared(std::span<const float>(batch), std::span(features), &profile);
  double on_device = 0;
  for (const double s : profile.seconds) on_device += s;
  Model<Block5, Backend> tuned(n, seed);
  Trainer<Block5, Backend> trainer(tuned);
  std::vector<float> maps(static_cast<std::size_t>(n) * Traits<Block5>::features.size());
  std::vector<int> labels(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 2);
  const double step = best([&] {
    tuned.features(std::span<const float>(batch), std::span(maps));
    trainer.step(maps, std::span<const int>(labels));
  });
  const std::vector<std::uint8_t> rgb(static_cast<std::size_t>(n) * Traits<Block5>::input.size(), 100);
  const std::vector<Affine> as_they_are(static_cast<std::size_t>(n));
  std::vector<float> targets(static_cast<std::size_t>(n) * 2);
  for (std::size_t i = 0; i < labels.size(); ++i) targets[i * 2 + i % 2] = 1;
  const auto stage = [&] { trainer.stage(std::span<const std::uint8_t>(rgb), std::span<const Affine>(as_they_are)); };
  stage();
  const double staged = best([&] {
    trainer.begin_step(targets);
    stage();
    trainer.end_step();
  });
  std::printf("%-5s batch %d: features of host images %.2f ms (%.0f images/s), operations alone %.2f ms; a step on block 5 by way of "
              "features on the host %.2f ms, from images that were staged %.2f ms\n", name, n, forward * 1e3, n / forward, on_device * 1e3,
              step * 1e3, staged * 1e3);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  if (!cuda::test::has_gpu()) return cuda::test::skipped;
  const int n = argc > 1 ? std::atoi(argv[1]) : 2, batch = argc > 2 ? std::atoi(argv[2]) : 32;
  std::printf("%s, cuDNN %zu\n", cuda::CudaDevice::current().name().c_str(), cuda::cudnn_version());
  const double start = seconds();
  const Run truth = run<Reference<float>>(n);
  std::printf("%d images on the CPU: %.1f s\n", n, seconds() - start);
  int wrong = check<Float>("f32", truth, n, 1e-4, 1e-3) + check<Tf32>("tf32", truth, n, 1e-2, 5e-2);
  wrong += check<Half>("f16", truth, n, 1e-2, 5e-2) + check<Bf16>("bf16", truth, n, 6e-2, 3e-1);
  for (const float weight : {1.0F, 1e5F}) {
    const Trained trained = train<Reference<float>>(n, weight);
    wrong += check_training<Float>("f32", trained, n, weight, 3e-4) + check_training<Half>("f16", trained, n, weight, 3e-3);
  }
  time<Half>("f16", batch);
  time<Bf16>("bf16", batch);
  time<Tf32>("tf32", batch);
  wrong += cuda::test::unrecorded();
  return wrong == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "gpu_network: %s\n", error.what());
  return 1;
}
