// The error of each algorithm's convolutions against the same sums in double, layer by layer of VGG16: every layer gets
// the maps that the layers before it give of an image, computed directly. Usage: accuracy WEIGHTS IMAGE
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/resize.hpp>
#include <cxrnet/predict.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen, ImageNetCaffe>, GAP, Dense<2, Softmax>>;
using T = Traits<Net>;
using onednn::ConvolutionAlgorithm;

/// One result in double, before any pool, ReLU included.
double exact(const op::Operation& o, const std::vector<float>& x, const float* kernel, const float* bias, int row, int column,
             int k) {
  double sum = bias[k];
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const int y = row + i - 1, at = column + j - 1;
      if (y < 0 || at < 0 || y >= o.in.height || at >= o.in.width) continue;
      for (int c = 0; c < o.in.channels; ++c) {
        sum += static_cast<double>(x[static_cast<std::size_t>((y * o.in.width + at) * o.in.channels + c)]) *
               static_cast<double>(kernel[((i * 3 + j) * o.in.channels + c) * o.out.channels + k]);
      }
    }
  }
  return std::max(sum, 0.0);
}

int accuracy(const std::string& weights, const std::string& file) {
  std::vector<float> parameters = initial_parameters<Net>(0);
  take_parameters(description_of<Net>, read_weights(weights), weights, Which::backbone, parameters);
  std::vector<std::uint8_t> pixels(T::input.size());
  resize_nearest(read_image(file), T::input.height, T::input.width, pixels.data());

  std::vector<op::Operation> layers;
  std::vector<std::vector<float>> maps;
  const Model<Net, OneDnnDirect> direct(parameters, 1);
  std::vector<float> input(T::input.size());
  preprocess<T::Preprocess>(std::span<const std::uint8_t>(pixels), T::input.channels, std::span(input));
  maps.push_back(input);
  direct.observe(std::span<const std::uint8_t>(pixels), [&](const op::Operation& o, int, std::span<const float> value) {
    if (o.kind == op::Kind::convolution) layers.push_back(o);
    if (o.kind == op::Kind::convolution) maps.back().shrink_to_fit();
    maps.emplace_back(value.begin(), value.end());
    if (o.kind != op::Kind::convolution) maps.erase(maps.end() - 2);  // a pool's result is the next layer's map
  });

  std::printf("largest error, and mean error, over the map's largest value\n%-14s%24s%24s%24s\n", "layer", "winograd",
              "onednn_winograd", "direct");
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const op::Operation& o = layers[l];
    const auto& kernel = T::parameters[static_cast<std::size_t>(o.kernel)];
    const auto& bias = T::parameters[static_cast<std::size_t>(o.bias)];
    std::vector<float> own(parameters.begin() + static_cast<std::ptrdiff_t>(kernel.offset),
                           parameters.begin() + static_cast<std::ptrdiff_t>(kernel.offset + kernel.parameter.size()));
    own.insert(own.end(), parameters.begin() + static_cast<std::ptrdiff_t>(bias.offset),
               parameters.begin() + static_cast<std::ptrdiff_t>(bias.offset + bias.parameter.size()));
    std::printf("%-14s", std::string(T::layers[static_cast<std::size_t>(o.layer)].name.view()).c_str());
    for (const auto algorithm : {ConvolutionAlgorithm::winograd, ConvolutionAlgorithm::onednn_winograd, ConvolutionAlgorithm::direct}) {
      const bool has = cpu::has_winograd(o) ? algorithm != ConvolutionAlgorithm::onednn_winograd || onednn::winograd(o, 1)
                                            : algorithm == ConvolutionAlgorithm::direct;
      if (!has) {
        std::printf("%24s", "-");
        continue;
      }
      onednn::ConvolutionAlone alone(o, 1, algorithm, own);
      std::vector<float> y(o.out.size());
      alone.forward(maps[l].data(), y.data());
      double most = 0, sum = 0;
      const float largest = std::ranges::max(y);
      const std::size_t step = std::max<std::size_t>(1, y.size() / 20011);  // some 20,000 results of each layer
      std::size_t count = 0;
      for (std::size_t i = 0; i < y.size(); i += step, ++count) {
        const int k = static_cast<int>(i) % o.out.channels, pixel = static_cast<int>(i) / o.out.channels;
        const double error = std::abs(static_cast<double>(y[i]) - exact(o, maps[l], own.data(), own.data() + kernel.parameter.size(),
                                                                        pixel / o.out.width, pixel % o.out.width, k));
        most = std::max(most, error);
        sum += error;
      }
      std::printf("%14.1e%10.1e", most / static_cast<double>(largest), sum / static_cast<double>(count) / static_cast<double>(largest));
    }
    std::printf("\n");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: accuracy WEIGHTS IMAGE\n");
    return 2;
  }
  return accuracy(argv[1], argv[2]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "accuracy: %s\n", error.what());
  return 1;
}
