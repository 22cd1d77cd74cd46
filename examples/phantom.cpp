// Makes chest-like phantoms, labelled COVID and Normal: for trying the programs without patients' images.
#include "common/program.hpp"
#include "phantom/film.hpp"

#include <cxrnet/io/atomic_file.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

namespace fs = std::filesystem;

namespace {

using phantom::Condition;
using phantom::Size;

constexpr std::array sizes{Size{512, 512}, Size{600, 512}, Size{448, 480}, Size{640, 560}};

struct Job {
  fs::path stem;
  std::uint64_t key;
  Condition condition;
  Size size;
  bool png;
  int quality;
};

/// Encoding and size follow from the number of the image, so both classes have the same of each.
Job make_job(const fs::path& folder, std::uint64_t seed, int split, Condition condition, int number) {
  const auto n = static_cast<std::uint64_t>(number);
  const std::uint64_t shared = phantom::derive(phantom::derive(seed, static_cast<std::uint64_t>(split)), n / 8);
  const std::uint64_t look = phantom::derive(shared, n % 8);
  const std::uint64_t slot = (n + shared) % 8;
  char name[32];
  std::snprintf(name, sizeof name, "film%05d", number);
  return {folder / name,
          phantom::derive(look, condition == Condition::Covid ? 1 : 2),
          condition,
          sizes[slot / 2],
          slot % 2 == 0,
          75 + static_cast<int>(look % 20)};
}

void write(const Job& job) {
  const auto grey = phantom::expose(job.key, job.condition, job.size);
  std::vector<std::byte> file;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    static_cast<std::vector<std::byte>*>(context)->insert(static_cast<std::vector<std::byte>*>(context)->end(), bytes,
                                                          bytes + size);
  };
  const auto [width, height] = job.size;
  const int written = job.png ? stbi_write_png_to_func(append, &file, width, height, 1, grey.data(), width)
                              : stbi_write_jpg_to_func(append, &file, width, height, 1, grey.data(), job.quality);
  if (written == 0) throw cxrnet::FileError("'" + job.stem.string() + "' could not be encoded as an image; is there enough memory?");
  cxrnet::write_atomically(fs::path(job.stem.string() + (job.png ? ".png" : ".jpg")), std::span<const std::byte>(file));
}

/// Runs the jobs on every processor; rethrows the first failure.
void run(const std::vector<Job>& jobs) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < jobs.size();) {
      try {
        write(jobs[i]);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = jobs.size();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
}

/// Draws every image of the three splits.
int make(const fs::path& out, const std::array<int, 3>& counts, std::uint64_t seed) {
  constexpr std::array splits{"train", "val", "test"};
  std::vector<Job> jobs;
  for (int split = 0; split < 3; ++split) {
    const fs::path part = out / splits[static_cast<std::size_t>(split)];
    if (fs::exists(part)) {
      throw cxrnet::FileError("'" + part.string() + "' exists already: remove it, or give another folder with --out.");
    }
    for (const auto condition : {Condition::Covid, Condition::Normal}) {
      const fs::path folder = part / (condition == Condition::Covid ? "COVID" : "Normal");
      cxrnet::ensure_folder(folder);
      for (int i = 0; i < counts[static_cast<std::size_t>(split)]; ++i) {
        jobs.push_back(make_job(folder, seed, split, condition, i));
      }
    }
  }
  run(jobs);
  std::cout << jobs.size() << " phantoms in " << out.string() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  fs::path out;
  std::array counts{96, 32, 48};
  std::uint64_t seed = 0;
  CLI::App app(
      "Makes schematic chest films in OUT/{train,val,test}/{COVID,Normal}. Ground-glass patches in the lungs' periphery\n"
      "mark COVID; exposure, position, size, devices, file format and everything else are alike in both classes.\n"
      "Drawings, not patients: a network trained on them says nothing about anybody.");
  app.add_option("--out", out, "Folder to make")->required();
  const auto limit = CLI::Range(0, 99999);
  app.add_option("--train", counts[0], "Training images of each class")->check(limit)->capture_default_str();
  app.add_option("--val", counts[1], "Validation images of each class")->check(limit)->capture_default_str();
  app.add_option("--test", counts[2], "Test images of each class")->check(limit)->capture_default_str();
  app.add_option("--seed", seed, "The same seed gives the same images")->capture_default_str();
  return cxrnet::programs::run(app, argc, argv, [&] { return make(out, counts, seed); });
}
