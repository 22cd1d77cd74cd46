#include "common/program.hpp"

#include "variants/variants.hpp"

#include <cxrnet/core/version.hpp>
#include <cxrnet/data/image_decoder.hpp>
#include <cxrnet/report/ethics.hpp>
#include <cxrnet/report/text.hpp>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <new>
#include <omp.h>

namespace cxrnet::programs {

namespace {

std::atomic<bool> stop_requested{false};
const ImageDecoder* decoder = nullptr;  // that a program chose in place of the CPU

void say_what_was_refused() {
  const int files = decoder == nullptr ? 0 : decoder->refused();
  if (files > 0) std::cerr << "note: " << decoder->name() << " refused " << files << " files, which were decoded on the CPU.\n";
}

extern "C" void on_signal(int signal) {
  if (stop_requested.exchange(true)) std::_Exit(128 + signal);
}

}  // namespace

int run(CLI::App& app, int argc, char** argv, const std::function<int()>& program) {
  app.set_version_flag("--version", std::string(version));
  app.footer("\n" + std::string(ethical_note));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  try {
    const int status = program();
    say_what_was_refused();
    return status;
  } catch (const std::bad_alloc&) {
    std::cerr << "error: There is not enough memory for this; use a smaller batch, or a machine with more.\n";
  } catch (const std::exception& error) {
    std::cerr << "error: " << printable(error.what()) << '\n';  // names out of files may hold escape sequences
  }
  return 1;
}

const std::atomic<bool>& interrupted() {
  static const bool installed = [] {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    return true;
  }();
  static_cast<void>(installed);
  return stop_requested;
}

void end_on_interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void use_threads(unsigned threads) {
  if (threads > 0) omp_set_num_threads(static_cast<int>(threads));
}

namespace {
std::filesystem::path plans;  // --cuda-plans
bool trial = false;           // --cuda-trial
}

void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device,
                 "cpu; cuda, the first GPU, whose networks compute in half; auto, a GPU where one can be used")
      ->capture_default_str()->check(CLI::IsMember({"cpu", "cuda", "auto"}));
  auto* const folder =
      app.add_option("--cuda-plans", plans,
                     "Folder of cuDNN's plans, for --device cuda: those it holds for this GPU are loaded, others are built and added.\n"
                     "What it holds is believed");
  app.add_flag("--cuda-trial", trial,
               "Choose cuDNN's plans by a trial on the GPU, once for each graph, and keep them in --cuda-plans in the place of\n"
               "those that heuristics chose. Up to eight plans are built for each, which may take minutes. Another plan changes\n"
               "last bits")
      ->needs(folder);
}

std::string chosen_device(const std::string& device) {
  if (device == "cpu") return device;
  const std::string problem = cuda_problem();
  if (problem.empty()) {
    if (!plans.empty()) keep_cuda_plans(plans);
    if (trial) {
      try_cuda_plans();
      std::cerr << "note: plans that no trial has chosen yet are chosen by one now, which may take minutes.\n";
    }
    if (device == "auto") std::cerr << "note: the network runs on the GPU.\n";
    return "cuda";
  }
  if (device == "cuda") throw BackendError("The network cannot run on a GPU: " + problem);
  std::cerr << "note: the network runs on the CPU, not on a GPU: " << problem << '\n';
  return "cpu";
}

bool on_trial() { return trial; }

void add_decode_option(CLI::App& app, std::string& decode) {
  app.add_option("--decode", decode,
                 "cpu; gpu, JPEG files by nvJPEG, whose pixels differ a little from the CPU's, and so do results. Other files,\n"
                 "and rare kinds of JPEG, are decoded on the CPU all the same")
      ->capture_default_str()->check(CLI::IsMember({"cpu", "gpu"}));
}

const ImageDecoder* decoder_of(const std::string& decode) {
  if (decode == "cpu") return nullptr;
  if (decode != "gpu") throw ArgumentError("There is no decoder '" + decode + "': it is cpu or gpu.");
  try {
    decoder = &gpu_decoder();
    return decoder;
  } catch (const BackendError& error) {
    throw BackendError(std::string("Images cannot be decoded on a GPU: ") + error.what());
  }
}

std::filesystem::path default_weights() { return std::filesystem::path(CXRNET_WEIGHTS) / "vgg16_imagenet_notop.safetensors"; }

}  // namespace cxrnet::programs
