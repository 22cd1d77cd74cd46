// Our side of bench/peers/run.sh's forward: the whole network on prepared images, by the protocol of worker.py.
#include "fma_peak.hpp"

#include <cxrnet/core/calibrate.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/predict.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <omp.h>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace cxrnet;
using Backend = Cpu;
template <class Precision>
using Net = Seq<VGG16Backbone<Frozen, Precision>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

/// Images scaled to 0 to 1, which come from bytes, as a network reads them.
template <class Prepared>
std::vector<Prepared> prepared_images(const std::string& file) {
  const std::vector<float> images = read_safetensors(file).tensors.at(0).values;
  std::vector<Prepared> prepared;
  prepared.reserve(images.size());
  for (const float x : images) {
    if constexpr (std::is_same_v<Prepared, float>) prepared.push_back(x);
    else prepared.push_back(static_cast<Prepared>(x * 255 + 0.5F));
  }
  return prepared;
}

template <class Net>
class Forward {
 public:
  using T = Traits<Net>;
  using Prepared = typename T::Prepared;

  Forward(const std::string& model, const std::string& images, const std::string& calibration)
      : images_(prepared_images<Prepared>(images)), parameters_(T::parameter_count) {
    take_parameters(description_of<Net>, read_safetensors(model), model, Which::all, parameters_);
    if constexpr (std::is_same_v<Prepared, std::uint8_t>) {
      calibrate<Net, Backend>(parameters_, prepared_images<std::uint8_t>(calibration));
    }
  }

  [[nodiscard]] std::size_t count() const { return images_.size() / T::input.size(); }

  /// Features and probabilities of the first `batch` images.
  void run(std::size_t batch) {
    if (batch == 0 || batch > count()) {
      throw ArgumentError("There are " + std::to_string(count()) + " images: give a batch of 1 to that many.");
    }
    auto& net = nets_[batch];
    if (net == nullptr) net = std::make_unique<Model<Net, Backend>>(parameters_, static_cast<int>(batch));
    features_.resize(batch * T::features.size());
    probabilities_.resize(batch * T::output.size());
    net->features_of_prepared(std::span<const Prepared>(images_).first(batch * T::input.size()), features_);
    net->predict_features(features_, probabilities_);
  }

  /// Images a second: calls until so many seconds have passed, at least two.
  double speed(std::size_t batch, double seconds) {
    if (!nets_.contains(batch)) run(batch);
    const auto began = std::chrono::steady_clock::now();
    std::chrono::duration<double> took{};
    int calls = 0;
    for (; calls < 2 || took.count() < seconds; ++calls) {
      run(batch);
      took = std::chrono::steady_clock::now() - began;
    }
    return calls * static_cast<double>(batch) / took.count();
  }

  [[nodiscard]] const std::vector<float>& features() const { return features_; }
  [[nodiscard]] const std::vector<float>& probabilities() const { return probabilities_; }

 private:
  std::vector<Prepared> images_;
  std::vector<float> parameters_;
  std::map<std::size_t, std::unique_ptr<Model<Net, Backend>>> nets_;  // by batch
  std::vector<float> features_;
  std::vector<float> probabilities_;
};

template <class Net>
nlohmann::json answer(Forward<Net>& forward, const std::string& request) {
  std::istringstream words(request);
  std::string what;
  words >> what;
  if (what == "outputs") {
    forward.run(forward.count());
    return {{"features", forward.features()}, {"probabilities", forward.probabilities()}};
  }
  double seconds = 0;
  if (what == "peak" && words >> seconds) {
    const peers::FmaPeak peak = peers::measure_fma_peak(seconds);
    return {{"gflops", peak.gflops}, {"vectors", peak.vectors}};
  }
  std::size_t batch = 0;
  if (what == "forward" && words >> batch >> seconds) return {{"images_per_second", forward.speed(batch, seconds)}};
  throw ArgumentError("'" + request + "' is no request: outputs, peak SECONDS or forward BATCH SECONDS.");
}

template <class Net>
void serve(const std::string& model, const std::string& images, const std::string& calibration) {
  Forward<Net> forward(model, images, calibration);
  std::cout << nlohmann::json{{"version", "cxrnet " + std::string(version) + ", " + onednn::version()},
                              {"threads", omp_get_max_threads()},
                              {"gflop_per_image", Traits<Net>::flops * 1e-9}}
            << std::endl;
  for (std::string request; std::getline(std::cin, request);) std::cout << answer(forward, request) << std::endl;
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
