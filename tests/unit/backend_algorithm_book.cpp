#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "message.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

using namespace cxrnet;
using cxrnet::test::has;
using cxrnet::test::message_of;
using Choices = AlgorithmBook::Choices;

namespace {

using Net = Seq<Input<20, 28, 3, Rescale<1, 255>>, Conv2D<16, 3, Same, Relu>, Conv2D<32, 3, Same, Relu>, MaxPool<2>,
                Conv2D<32, 3, Same, Relu>, GAP, Dense<2, Softmax>>;

std::vector<float> images(std::size_t n) {
  std::vector<float> pixels(n * Traits<Net>::input.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 2654435761U % 997) / 997;
  return pixels;
}

std::vector<float> features_of(const Model<Net, Cpu>& net) {
  const auto prepared = images(3);
  std::vector<float> features(3 * Traits<Net>::features.size());
  net.features_of_prepared(prepared, features);
  return features;
}

std::string algorithms_of(const Model<Net, Cpu>& net) {
  std::string text;
  for (const Algorithm& a : net.algorithms()) text += a.operation + "=" + a.name + ";";
  return text;
}

/// The choices of a trial, all set to one algorithm.
Choices all(Choices choices, const char* algorithm) {
  for (auto& [key, chosen] : choices) chosen = algorithm;
  return choices;
}

}  // namespace

TEST_CASE("A book's trial chooses for each convolution that has several algorithms, once, and its choices give its bits",
          "[backend]") {
  AlgorithmBook book;
  std::vector<float> tried;
  {
    const WithAlgorithms with(book);
    const Model<Net, Cpu> net(3);
    tried = features_of(net);
    CHECK(book.tried() == 2);  // the first convolution has three channels
    CHECK(book.choices().size() == 2);
    CHECK(book.choices().begin()->first.find(", batch 3, threads ") != std::string::npos);
    const Model<Net, Cpu> again(3);
    CHECK(book.tried() == 2);
    CHECK(algorithms_of(again) == algorithms_of(net));
  }
  CHECK(WithAlgorithms::current() == nullptr);
  AlgorithmBook pinned(book.choices());
  const WithAlgorithms with(pinned);
  CHECK(features_of(Model<Net, Cpu>(3)) == tried);
  CHECK(pinned.tried() == 0);
}

TEST_CASE("Every algorithm gives the same features to rounding, a fused pool and gradients included", "[backend]") {
  AlgorithmBook trial;
  {
    const WithAlgorithms with(trial);
    static_cast<void>(Model<Net, Cpu>(3));
  }
  const std::vector<float> by_rule = features_of(Model<Net, Cpu>(3));
  const float most = std::ranges::max(by_rule);
  REQUIRE(most > 0);
  const std::string rule = algorithms_of(Model<Net, Cpu>(3));
  for (const char* algorithm : {"winograd", "onednn_winograd", "direct"}) {
    AlgorithmBook book(all(trial.choices(), algorithm));
    const WithAlgorithms with(book);
    CAPTURE(algorithm);
    try {
      const Model<Net, Cpu> net(3);
      const auto features = features_of(net);
      for (std::size_t i = 0; i < features.size(); ++i) CHECK(std::abs(features[i] - by_rule[i]) < 1e-5F * most);
      CHECK((algorithms_of(net) == rule) == (std::string(algorithm) == "winograd"));
    } catch (const BackendError& error) {  // on this processor
      CHECK(std::string(algorithm) == "onednn_winograd");
      CHECK(has(error.what(), "is not to be had from oneDNN"));
    }
  }
}

TEST_CASE("Training takes a book's algorithms, forward and backward", "[backend]") {
  const auto gradients = [] {
    Model<Net, Cpu> net(3);
    Trainer<Net, Cpu> trainer(net);
    const auto prepared = images(3);
    const std::vector<int> labels{0, 1, 0};
    trainer.gradients_of(prepared, labels);
    std::string names;
    for (const Algorithm& a : trainer.algorithms()) names += a.name + ";";
    return std::pair(std::vector<float>(trainer.gradients().begin(), trainer.gradients().end()), names);
  };
  const auto [by_rule, rule] = gradients();
  AlgorithmBook trial;
  const WithAlgorithms with(trial);
  static_cast<void>(gradients());
  AlgorithmBook book(all(trial.choices(), "direct"));
  const WithAlgorithms with_direct(book);
  const auto [direct, names] = gradients();
  CHECK(book.tried() == 0);
  CHECK(rule.find("winograd_4x3") != std::string::npos);
  CHECK(names.find("wino") == std::string::npos);
  float most = 0;
  for (const float g : by_rule) most = std::max(most, std::abs(g));
  for (std::size_t i = 0; i < direct.size(); ++i) {
    if (std::abs(direct[i] - by_rule[i]) >= 1e-4F * most) FAIL("gradient " << i << ": " << direct[i] << ", by rule " << by_rule[i]);
  }
}

TEST_CASE("A book with an unknown algorithm is refused with the convolution's name", "[backend]") {
  AlgorithmBook trial;
  {
    const WithAlgorithms with(trial);
    static_cast<void>(Model<Net, Cpu>(3));
  }
  AlgorithmBook book(all(trial.choices(), "fft"));
  const WithAlgorithms with(book);
  const std::string said = message_of<BackendError>([] { static_cast<void>(Model<Net, Cpu>(3)); });
  CHECK(has(said, "'fft', chosen for convolution+bias+relu"));
  CHECK(has(said, "is no algorithm: there are winograd, onednn_winograd and direct"));
}
