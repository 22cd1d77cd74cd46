// Our side of bench/peers/run.sh's forward on the CPU.
#include "forward.hpp"

#include "fma_peak.hpp"

#include <cxrnet/core/calibrate.hpp>
#include <cxrnet/core/version.hpp>

#include <exception>
#include <omp.h>

namespace {

using namespace cxrnet;
using Backend = Cpu;
template <class Precision>
using Net = Seq<VGG16Backbone<Frozen, Precision>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

template <class Net>
void serve(const std::string& model, const std::string& images, const std::string& calibration) {
  using Prepared = typename Traits<Net>::Prepared;
  std::vector<float> parameters = peers::parameters_of<Net>(model);
  if constexpr (std::is_same_v<Prepared, std::uint8_t>) {
    calibrate<Net, Backend>(parameters, peers::prepared_images<std::uint8_t>(calibration));
  }
  peers::Forward<Net, Backend> forward(std::move(parameters), peers::prepared_images<Prepared>(images));
  const nlohmann::json about{{"version", "cxrnet " + std::string(version) + ", " + onednn::version()},
                             {"threads", omp_get_max_threads()},
                             {"gflop_per_image", Traits<Net>::flops * 1e-9}};
  peers::serve(forward, about, [](const std::string& what, std::istream& words) -> std::optional<nlohmann::json> {
    double seconds = 0;
    if (what != "peak" || !(words >> seconds)) return {};
    const peers::FmaPeak peak = peers::measure_fma_peak(seconds);
    return nlohmann::json{{"gflops", peak.gflops}, {"vectors", peak.vectors}};
  });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool int8 = arguments.size() == 6 && arguments[2] == "--precision" && arguments[3] == "int8" &&
                    arguments[4] == "--calibration";
  if (arguments.size() != 2 && !int8) {
    std::cerr << "usage: forward MODEL IMAGES [--precision int8 --calibration IMAGES]\n"
                 "Answers each line of its input with one of JSON: outputs, peak SECONDS, forward BATCH SECONDS.\n";
    return arguments == std::vector<std::string>{"--help"} ? 0 : 2;
  }
  if (int8) serve<Net<Int8>>(arguments[0], arguments[1], arguments[5]);
  else serve<Net<Float32>>(arguments[0], arguments[1], "");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "forward: " << error.what() << '\n';
  return 1;
}
