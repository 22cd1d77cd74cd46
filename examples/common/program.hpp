#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace cxrnet {
class ImageDecoder;
}

// What every program does first and last.
namespace cxrnet::programs {

/// Parses, runs, and turns exceptions into one sentence on standard error and exit status 1.
int run(CLI::App& app, int argc, char** argv, const std::function<int()>& program);

/// Sets true at the first Ctrl-C or termination signal; a second one ends the program at once.
const std::atomic<bool>& interrupted();
/// From here on, Ctrl-C ends the program as it does any other.
void end_on_interrupt();

/// As many threads for the network and for reading images; 0 leaves both as they are.
void use_threads(unsigned threads);

/// --device, --cuda-plans, --cuda-trial
void add_device_option(CLI::App& app, std::string& device);
/// The device that `auto` stands for here, and says so on standard error; any other as it is. BackendError where there is no
/// such device.
std::string chosen_device(const std::string& device);
/// Whether plans of the GPU are being chosen by trial.
bool on_trial();

/// --decode
void add_decode_option(CLI::App& app, std::string& decode);
/// What decodes images: null for the CPU. BackendError where there is no such decoder.
const ImageDecoder* decoder_of(const std::string& decode);

/// The folder of the project's own weights.
std::filesystem::path default_weights();

}  // namespace cxrnet::programs
