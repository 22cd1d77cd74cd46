#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/calibrate.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

#include "catch.hpp"
#include "shared.hpp"

#include <cmath>
#include <cstdint>
#include <iostream>
#include <span>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

constexpr std::size_t width = 512;

template <class Precision, class Preprocess>
using Net = Seq<VGG16Backbone<Frozen, Precision, Preprocess>, GAP>;

/// Images of a folder, evenly spread, as bytes.
std::vector<std::uint8_t> images_of(const std::filesystem::path& folder, std::size_t count) {
  const ImageDataset set(list_image_folder(folder));
  std::vector<std::uint8_t> all, scratch;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* const pixels = set.pixels(i * set.size() / count, scratch);
    all.insert(all.end(), pixels, pixels + set.image_bytes());
  }
  return all;
}

template <class Network>
std::vector<float> parameters_of(const std::filesystem::path& weights) {
  auto parameters = initial_parameters<Network>(0);
  take_parameters(description_of<Network>, read_safetensors(weights), "weights", Which::backbone, parameters);
  return parameters;
}

template <class Network>
std::vector<float> features_of(const std::vector<float>& parameters, const std::vector<std::uint8_t>& images) {
  std::vector<float> features(images.size() / Traits<Network>::input.size() * width);
  Model<Network, Cpu>(parameters, 8).features(std::span<const std::uint8_t>(images), features);
  return features;
}

/// The mean cosine of two sets of features, the mean of a third subtracted from both.
double mean_cosine(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& others) {
  std::vector<double> mean(width);
  for (std::size_t i = 0; i < others.size(); ++i) mean[i % width] += others[i] * width / static_cast<double>(others.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); i += width) {
    double product = 0, first = 0, second = 0;
    for (std::size_t k = 0; k < width; ++k) {
      const double x = a[i + k] - mean[k], y = b[i + k] - mean[k];
      product += x * y, first += x * x, second += y * y;
    }
    sum += product / std::sqrt(first * second);
  }
  return sum / static_cast<double>(a.size() / width);
}

}  // namespace

TEMPLATE_TEST_CASE("VGG16 in Int8 gives radiographs the features that it gives them in float", "[models_vgg16_int8][slow]",
                   (Rescale<1, 255>), ImageNetCaffe) {
  const std::filesystem::path weights = CXRNET_SOURCE_DIR "/weights/vgg16_imagenet_notop.safetensors";
  const auto shared = shared_or_skip("VGG16 in Int8");
  if (!shared) return;
  if (!std::filesystem::exists(weights)) {
    std::cout << "skipped: VGG16 in Int8 needs VGG16's weights: run weights/fetch.sh\n";
    return;
  }
  const auto train = images_of(*shared / "cxr/train", 48), test = images_of(*shared / "cxr/test", 20);
  using Floats = Net<Float32, TestType>;
  using Bytes = Net<Int8, TestType>;
  const auto floats = parameters_of<Floats>(weights);
  auto bytes = parameters_of<Bytes>(weights);
  calibrate<Bytes, Cpu>(bytes, train);
  const double cosine = mean_cosine(features_of<Bytes>(bytes, test), features_of<Floats>(floats, test),
                                    features_of<Floats>(floats, train));
  std::cout << "VGG16 in Int8, " << TestType::name << ": mean cosine of features " << cosine << '\n';
  CHECK(cosine > 0.995);
}
