// JPEG files decoded by nvJPEG on the GPU that is here, in threads, against libjpeg: how far pixels differ, how long both take,
// and what becomes of damaged files. Skips (status 77) where there is no GPU. Usage: gpu_decode [FILE...]
#include "../unit/jpeg_writer.hpp"

#include <cxrnet/backend/cuda/nvjpeg.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace cxrnet;
using File = std::vector<std::byte>;
constexpr ImageSize size{224, 224};
using Pixels = std::vector<std::uint8_t>;

/// Smooth waves with some noise; luma has `h` x `v` samples where the colours have one.
File jpeg(int width, int height, int components, int h, int v) {
  std::mt19937 random(1);
  const auto change = [&](jpeg_compress_struct& codec) {
    jpeg_set_quality(&codec, 90, TRUE);
    codec.comp_info[0].h_samp_factor = h;
    codec.comp_info[0].v_samp_factor = v;
  };
  return cxrnet::test::written_jpeg(components == 1 ? JCS_GRAYSCALE : JCS_RGB, components, width, height, change,
                                    [&](int y, std::vector<unsigned char>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double x = static_cast<double>(i) / components, wave = std::sin(x * 0.021) * std::cos(y * 0.017 + static_cast<double>(i % 3));
      row[i] = static_cast<unsigned char>(120 + 90 * wave + static_cast<double>(random() % 16));
    }
  });
}

/// Null for the CPU.
Pixels decode(const ImageDecoder* decoder, const File& file, const std::string& name) {
  Pixels rgb(static_cast<std::size_t>(size.height * size.width * 3));
  if (decoder != nullptr) decoder->decode(file, name, size, rgb.data());
  else decode_resized(file, name, size.height, size.width, rgb.data());
  return rgb;
}

bool refused(const ImageDecoder* decoder, const File& file) {
  try {
    decode(decoder, file, "damaged");
    return false;
  } catch (const ImageError&) {
    return true;
  }
}

/// Files a second, of `rounds` in threads, each of which must give the same pixels as the first.
double rate(const ImageDecoder* decoder, const File& file, unsigned threads, int rounds, std::atomic<int>& other) {
  const Pixels first = decode(decoder, file, "timed");
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> workers(threads);
    for (auto& worker : workers) {
      worker = std::jthread([&] {
        for (int i = 0; i < rounds; ++i) other += decode(decoder, file, "timed") != first ? 1 : 0;
      });
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return threads * static_cast<unsigned>(rounds) / seconds;
}

/// `mean` and `most`: what pixels may differ by.
int compare(const cuda::GpuDecoder& gpu, const std::string& name, const File& file, double mean, int most) {
  const bool plain = plain_jpeg(file, name).has_value();
  const int before = gpu.refused();
  const Pixels there = decode(&gpu, file, name), here = decode(nullptr, file, name);
  int worst = 0;
  double sum = 0;
  for (std::size_t i = 0; i < here.size(); ++i) {
    const int difference = std::abs(int{there[i]} - int{here[i]});
    worst = std::max(worst, difference);
    sum += difference;
  }
  const double average = sum / static_cast<double>(here.size());
  const bool refused = gpu.refused() != before, right = !refused && worst <= (plain ? most : 0) && average <= mean;
  std::printf("%s: %s, pixels differ by %d at most, %.3f on average%s\n", name.c_str(),
              refused ? "refused by nvJPEG" : plain ? "plain" : "left to the CPU", worst, average, right ? "" : " WRONG");
  return right ? 0 : 1;
}

int run(int argc, char** argv) {
  const cuda::GpuDecoder gpu;
  std::printf("%s on %s\n", gpu.name().c_str(), cuda::CudaDevice::current().name().c_str());
  int wrong = 0;
  const File grey = jpeg(1024, 1024, 1, 1, 1), halved = jpeg(777, 501, 3, 2, 2);
  // Where colours lie in coarser steps, the two may interpolate them from other places: noise shows it most.
  wrong += compare(gpu, "grey", grey, 0.5, 2);
  wrong += compare(gpu, "4:4:4", jpeg(777, 501, 3, 1, 1), 1, 4);
  wrong += compare(gpu, "4:2:2", jpeg(777, 501, 3, 2, 1), 2, 16);
  wrong += compare(gpu, "4:4:0", jpeg(777, 501, 3, 1, 2), 2, 16);
  wrong += compare(gpu, "4:2:0", halved, 2, 16);
  wrong += compare(gpu, "1 x 1", jpeg(1, 1, 3, 2, 2), 8, 8);
  for (int i = 1; i < argc; ++i) wrong += compare(gpu, argv[i], detail::read_image_bytes(argv[i], max_image_bytes), 2, 16);

  std::atomic<int> other = 0;
  const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  for (const auto& [name, file] : {std::pair{"grey", &grey}, {"4:2:0", &halved}}) {
    const double there = rate(&gpu, *file, threads, 100, other), here = rate(nullptr, *file, threads, 100, other);
    std::printf("%s, %u threads: %.0f a second on the GPU, %.0f on the CPU\n", name, threads, there, here);
  }
  if (other > 0) std::printf("%d of them had other pixels from one time to the next WRONG\n", other.load());

  // What the CPU takes the GPU must take; what it refuses, a decoder that guesses may let pass.
  int bad = 0, passed = 0, lost = 0;
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    File damaged = halved;
    for (auto hits = 1 + random() % 3; hits > 0; --hits) damaged[random() % damaged.size()] = static_cast<std::byte>(random() & 0xFFU);
    const bool here = refused(nullptr, damaged), there = refused(&gpu, damaged);
    bad += here ? 1 : 0;
    passed += here && !there ? 1 : 0;
    lost += there && !here ? 1 : 0;
  }
  std::printf("%d of 500 damaged files are refused by libjpeg; nvJPEG lets %d of these pass, and %d others not%s\n", bad, passed, lost,
              lost > 0 ? " WRONG" : "");
  return wrong + other + lost > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cxrnet::cuda::CudaDevice::current();
  } catch (const cxrnet::BackendError& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
