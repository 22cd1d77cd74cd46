#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/calibrate.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/features.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Precision, class Preprocess = ImageNetCaffe>
using Net = Seq<WithPrecision<Precision, Input<12, 10, 3, Preprocess>,
                              Freeze<Conv2D<16, 3, Same, Relu>, Conv2D<32, 3, Same, Relu>, MaxPool<2>, Conv2D<48, 1, Relu>>>,
                GAP, Dense<2, Softmax>>;
using Bytes = Net<Int8>;

std::vector<std::uint8_t> images(std::size_t n, unsigned seed) {
  std::vector<std::uint8_t> pixels;
  for (const float x : random_values<float>(n * 12 * 10 * 3, seed)) {
    pixels.push_back(static_cast<std::uint8_t>(std::clamp(128 + 100 * x, 0.0F, 255.0F)));
  }
  return pixels;
}

/// The float network's parameters as those of the one in Int8, calibrated.
template <class Preprocess>
std::vector<float> calibrated(const std::vector<float>& floats) {
  using Q = Net<Int8, Preprocess>;
  std::vector<float> parameters;
  auto next = floats.begin();
  for (const ParameterInfo& info : Traits<Q>::parameters) {
    const auto size = static_cast<std::ptrdiff_t>(info.parameter.size());
    if (is_activation_scale(info.parameter)) {
      parameters.insert(parameters.end(), info.parameter.size(), 0.0F);
    } else {
      parameters.insert(parameters.end(), next, next + size);
      next += size;
    }
  }
  calibrate<Q, Cpu>(parameters, images(16, 3));
  return parameters;
}

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

template <class Preprocess>
void check_close() {
  const auto floats = initial_parameters<Net<Float32, Preprocess>>(1);
  const Model<Net<Float32, Preprocess>, Cpu> exact(floats, 4);
  const Model<Net<Int8, Preprocess>, Cpu> bytes(calibrated<Preprocess>(floats), 4);
  const auto some = images(7, 9);
  std::vector<float> expected(7 * 48), got(7 * 48);
  exact.features(std::span<const std::uint8_t>(some), expected);
  bytes.features(std::span<const std::uint8_t>(some), got);
  const double difference = relative_difference(got, expected);
  CAPTURE(difference);
  CHECK(difference < 0.02);
  CHECK(difference > 0);
}

}  // namespace

TEST_CASE("A network in Int8 gives its float twin's features, nearly, whatever the preprocessing", "[core_calibrate]") {
  check_close<Rescale<1, 255>>();
  check_close<ImageNetCaffe>();
  check_close<ImageNetTorch>();
}

TEST_CASE("Scales are parameters: found by calibration, which changes nothing else", "[core_calibrate]") {
  using T = Traits<Bytes>;
  STATIC_REQUIRE(std::is_same_v<T::Prepared, std::uint8_t>);
  STATIC_REQUIRE(T::parameter_count == Traits<Net<Float32>>::parameter_count + 16 + 32 + 48);
  const auto start = initial_parameters<Bytes>(1);
  const std::string said = message_of<BackendError>([&] { const Model<Bytes, Cpu> model(start, 2); });
  CHECK(said.find("calibrate its parameters") != std::string::npos);
  auto parameters = start;
  calibrate<Bytes, Cpu>(parameters, images(4, 2));
  for (const ParameterInfo& info : T::parameters) {
    for (std::size_t i = info.offset; i < info.offset + info.parameter.size(); ++i) {
      if (is_activation_scale(info.parameter)) CHECK(parameters[i] > 0);
      else REQUIRE(parameters[i] == start[i]);
    }
  }
  CHECK_THROWS_AS((calibrate<Bytes, Cpu>(parameters, {})), ArgumentError);
}

TEST_CASE("Bytes do not depend on the batch, its neighbours or who asks", "[core_calibrate]") {
  const auto parameters = calibrated<ImageNetCaffe>(initial_parameters<Net<Float32>>(4));
  const auto some = images(9, 5);
  std::vector<float> expected(9 * 2);
  Model<Bytes, Cpu>(parameters, 1).predict(std::span<const std::uint8_t>(some), std::span(expected));
  for (const int capacity : {2, 8, 32}) {
    std::vector<float> got(9 * 2);
    Model<Bytes, Cpu>(parameters, capacity).predict(std::span<const std::uint8_t>(some), std::span(got));
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-6));
  }
  std::vector<float> floats(some.begin(), some.end());
  for (float& pixel : floats) pixel += pixel < 255 ? 0.4F : -0.4F;  // to the nearest
  std::vector<float> got(9 * 2);
  Model<Bytes, Cpu>(parameters, 1).predict(std::span<const float>(floats), std::span(got));
  CHECK(got == expected);
}

TEST_CASE("An observer sees each operation's value as plain floats", "[core_calibrate]") {
  const auto floats = initial_parameters<Net<Float32>>(6);
  const auto some = images(3, 7);
  std::vector<std::vector<float>> seen, expected;
  const auto into = [](std::vector<std::vector<float>>& list) {
    return [&list](const op::Operation& o, int n, std::span<const float> value) {
      CHECK(value.size() == static_cast<std::size_t>(n) * o.out.size());
      list.emplace_back(value.begin(), value.end());
    };
  };
  using Fused = Reference<float, Rules<FuseBias, FuseRelu, FuseMaxPool>>;
  Model<Net<Float32>, Fused>(floats, 3).observe(std::span<const std::uint8_t>(some), into(expected));
  Model<Net<Float32>, Cpu>(floats, 3).observe(std::span<const std::uint8_t>(some), into(seen));
  REQUIRE(seen.size() == expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(relative_difference(seen[i], expected[i]) < 1e-5);
  std::vector<std::vector<float>> bytes;
  Model<Bytes, Cpu>(calibrated<ImageNetCaffe>(floats), 3).observe(std::span<const std::uint8_t>(some), into(bytes));
  REQUIRE(bytes.size() == expected.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) CHECK(relative_difference(bytes[i], expected[i]) < 0.03);
}

TEST_CASE("Safetensors keep a network in Int8, and Keras's files hold its floats", "[core_calibrate]") {
  const TemporaryFolder folder;
  const auto start = initial_parameters<Net<Float32>>(8);
  const auto parameters = calibrated<ImageNetCaffe>(start);
  const auto equal = [](std::span<const float> a, const std::vector<float>& b) { return std::ranges::equal(a, b); };
  const auto tensors = folder.path() / "model.safetensors", keras = folder.path() / "model.h5";
  save_model(tensors, description_of<Bytes>, parameters);
  save_model(keras, description_of<Bytes>, parameters);
  CHECK(read_weights(tensors).metadata.at("precision") == "int8");
  CHECK(read_weights(keras).metadata.count("precision") == 0);
  CHECK(equal(load_as<Bytes, Cpu>(tensors, 2)->parameters(), parameters));
  CHECK(equal(load_as<Net<Float32>, Cpu>(tensors, 2)->parameters(), start));
  CHECK(equal(load_as<Net<Float32>, Cpu>(keras, 2)->parameters(), start));
  CHECK(message_of<BackendError>([&] { load_as<Bytes, Cpu>(keras, 2); }).find("calibrate") != std::string::npos);
}

TEST_CASE("A classifier in Int8 is fed with augmented bytes, and trains its head on what they give", "[core_calibrate]") {
  const TemporaryFolder folder;
  unsigned seed = 0;
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"}) folder.write(name, grey_png(20, 16, ++seed));
  const ImageDataset set(list_image_folder(folder.path()), {.size = {12, 10}});
  const auto parameters = calibrated<ImageNetCaffe>(initial_parameters<Net<Float32>>(9));
  const ClassifierOf<Bytes, Cpu, ReferenceAugment> net(parameters, 4);
  CHECK(net.prepare().bytes != nullptr);
  CHECK(net.prepare_augmented().bytes != nullptr);
  const auto features = features_of(net, set);
  std::vector<std::uint8_t> pixels, scratch;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const std::uint8_t* const image = set.pixels(i, scratch);
    pixels.insert(pixels.end(), image, image + set.image_bytes());
  }
  std::vector<float> expected(set.size() * 48);
  Model<Bytes, Cpu>(parameters, 4).features(std::span<const std::uint8_t>(pixels), expected);
  CHECK(features == expected);
}
