// Our side of bench/peers/pipeline.sh: images a second on one core, decoded and resized, and augmented and rescaled.
// Usage: peers_pipeline SECONDS FILE...
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/resize.hpp>
#include <cxrnet/random/philox.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <vector>

namespace {

using namespace cxrnet;
constexpr int side = 224;

/// Calls run(i) for i = 0, 1, ... of `count`, again and again, for so many seconds; how often in one.
template <class Run>
double rate(double seconds, std::size_t count, Run run) {
  using Clock = std::chrono::steady_clock;
  for (std::size_t i = 0; i < count; ++i) run(i);
  const auto start = Clock::now();
  std::size_t done = 0;
  double spent = 0;
  do {
    for (std::size_t i = 0; i < count; ++i) run(i);
    done += count;
    spent = std::chrono::duration<double>(Clock::now() - start).count();
  } while (spent < seconds);
  return static_cast<double>(done) / spent;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw ArgumentError("usage: peers_pipeline SECONDS FILE...");
  const double seconds = std::atof(argv[1]);
  const auto count = static_cast<std::size_t>(argc - 2);
  std::vector<std::vector<std::byte>> files;
  for (int i = 2; i < argc; ++i) files.push_back(detail::read_image_bytes(argv[i], max_image_bytes));
  std::vector<std::vector<std::uint8_t>> images(count, std::vector<std::uint8_t>(side * side * 3));
  const double decoded = rate(seconds, count, [&](std::size_t i) { decode_resized(files[i], argv[i + 2], side, side, images[i].data()); });
  std::vector<TransformParameters> transforms;
  for (std::uint32_t i = 0; i < count; ++i) {
    RandomStream stream(7, RandomUse::transform, 0, i);
    transforms.push_back(ReferenceAugment::draw(stream, {side, side}));
  }
  std::vector<float> prepared(side * side * 3);
  const double augmented = rate(seconds, count, [&](std::size_t i) {
    prepare<ReferenceAugment, Rescale<1, 255>>(images[i].data(), side, side, transforms[i], prepared.data());
  });
  std::cout << "{\"decode\": " << decoded << ", \"augment\": " << augmented << ", \"simd\": \"" << name_of(simd_target()) << "\"}\n";
} catch (const std::exception& error) {
  std::cerr << "peers_pipeline: " << error.what() << '\n';
  return 1;
}
