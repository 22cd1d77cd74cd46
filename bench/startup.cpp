// What a program waits for before its first answer: VGG16's weights packed for our own Winograd anew, beside what keeping
// them packed in a file would cost: mapping it, out of the page cache, and reading each page once; and the hash of the
// parameters that such a file would be known by.
#include <cxrnet/backend/cpu/winograd.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/predict.hpp>

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>>;

const std::vector<float>& parameters() {
  static const std::vector<float> values = initial_parameters<Net>(0);
  return values;
}

/// VGG16's convolutions by Winograd, and where each one's packed weights begin.
struct Packing {
  struct Part {
    cpu::Winograd convolution;
    const float* kernel;
    std::size_t first;
  };
  Packing() {
    const int threads = thread_count();
    for (const op::Operation& o : Model<Net, Cpu>::Lowering::backbone.operations) {
      if (!cpu::has_winograd(o)) continue;
      const cpu::WinogradShape shape{o.in.height, o.in.width, o.in.channels, o.out.channels, true, o.pool.height != 0};
      const ParameterInfo& info = Traits<Net>::parameters[static_cast<std::size_t>(o.kernel)];
      parts.push_back({{shape, simd_target(), cpu::plan_winograd(shape, 1, threads), threads}, parameters().data() + info.offset, numbers});
      numbers += shape.weights();
    }
  }
  void pack(float* to) const {
    for (const Part& part : parts) part.convolution.pack(part.kernel, to + part.first);
  }
  std::vector<Part> parts;
  std::size_t numbers = 0;
};

void pack(benchmark::State& state) {
  const Packing packing;
  for (auto _ : state) {
    const AlignedBytes packed(packing.numbers * sizeof(float), Fill::none);
    packing.pack(reinterpret_cast<float*>(packed.data()));
    benchmark::DoNotOptimize(packed.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(packing.numbers * sizeof(float)));
}

void map(benchmark::State& state) {
  const Packing packing;
  const std::size_t bytes = packing.numbers * sizeof(float);
  const std::filesystem::path file = std::filesystem::temp_directory_path() / ("cxrnet-packed-" + std::to_string(::getpid()));
  {
    const AlignedBytes packed(bytes, Fill::none);
    packing.pack(reinterpret_cast<float*>(packed.data()));
    write_atomically(file, std::span(packed.data(), bytes));
  }
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  for (auto _ : state) {
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | (state.range(0) != 0 ? MAP_POPULATE : 0), descriptor, 0);
    if (mapped == MAP_FAILED) {
      state.SkipWithError("the file cannot be mapped");
      break;
    }
    unsigned sum = 0;
    for (std::size_t at = 0; at < bytes; at += 4096) sum += static_cast<const unsigned char*>(mapped)[at];
    benchmark::DoNotOptimize(sum);
    ::munmap(mapped, bytes);
  }
  ::close(descriptor);
  std::filesystem::remove(file);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void hash(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(sha256_hex(std::as_bytes(std::span(parameters()))));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(parameters().size() * sizeof(float)));
}

BENCHMARK(pack)->Name("pack the weights anew")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(map)->Name("map them out of a file, pages as they are read")->Arg(0)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(map)->Name("map them out of a file, all pages at once")->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(hash)->Name("SHA-256 of the parameters")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
