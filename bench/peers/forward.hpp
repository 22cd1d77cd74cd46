#pragma once
#include <cxrnet/predict.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// What our sides of bench/peers/run.sh's forward share: the whole network on prepared images, by the protocol of worker.py.
namespace cxrnet::peers {

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
std::vector<float> parameters_of(const std::string& model) {
  std::vector<float> parameters(Traits<Net>::parameter_count);
  take_parameters(description_of<Net>, read_safetensors(model), model, Which::all, parameters);
  return parameters;
}

/// Images a second: calls of that batch until so many seconds have passed, at least two.
template <class Call>
double speed(std::size_t batch, double seconds, Call call) {
  const auto began = std::chrono::steady_clock::now();
  std::chrono::duration<double> took{};
  int calls = 0;
  for (; calls < 2 || took.count() < seconds; ++calls) {
    call();
    took = std::chrono::steady_clock::now() - began;
  }
  return calls * static_cast<double>(batch) / took.count();
}

template <class Net, class Backend>
class Forward {
 public:
  using T = Traits<Net>;
  using Prepared = typename T::Prepared;

  Forward(std::vector<float> parameters, std::vector<Prepared> images) : images_(std::move(images)), parameters_(std::move(parameters)) {}

  [[nodiscard]] std::size_t count() const { return images_.size() / T::input.size(); }
  [[nodiscard]] const std::vector<float>& parameters() const { return parameters_; }

  /// The first `batch` images. ArgumentError where there are fewer.
  [[nodiscard]] std::span<const Prepared> images(std::size_t batch) const {
    if (batch == 0 || batch > count()) {
      throw ArgumentError("There are " + std::to_string(count()) + " images: give a batch of 1 to that many.");
    }
    return std::span(images_).first(batch * T::input.size());
  }

  /// Features and probabilities of the first `batch` images.
  void run(std::size_t batch) {
    const auto given = images(batch);
    auto& net = nets_[batch];
    if (net == nullptr) net = std::make_unique<Model<Net, Backend>>(parameters_, static_cast<int>(batch));
    features_.resize(batch * T::features.size());
    probabilities_.resize(batch * T::output.size());
    net->features_of_prepared(given, features_);
    net->predict_features(features_, probabilities_);
  }

  /// Images a second; the first use of a batch is not timed.
  double speed(std::size_t batch, double seconds) {
    if (!nets_.contains(batch)) run(batch);
    return peers::speed(batch, seconds, [&] { run(batch); });
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

/// Says what this side is, then answers each line of the input; `more` answers requests of its own, or gives none.
template <class Net, class Backend, class More>
void serve(Forward<Net, Backend>& forward, const nlohmann::json& about, More more) {
  std::cout << about << std::endl;
  for (std::string request; std::getline(std::cin, request);) {
    std::istringstream words(request);
    std::string what;
    words >> what;
    std::size_t batch = 0;
    double seconds = 0;
    if (what == "outputs") {
      forward.run(forward.count());
      std::cout << nlohmann::json{{"features", forward.features()}, {"probabilities", forward.probabilities()}} << std::endl;
    } else if (what == "forward" && words >> batch >> seconds) {
      std::cout << nlohmann::json{{"images_per_second", forward.speed(batch, seconds)}} << std::endl;
    } else if (const std::optional<nlohmann::json> answer = more(what, words)) {
      std::cout << *answer << std::endl;
    } else {
      throw ArgumentError("'" + request + "' is no request; --help lists them.");
    }
  }
}

}  // namespace cxrnet::peers
