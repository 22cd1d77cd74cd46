// Networks that the programs do not have, for the tests in tests/python.
//
//   networks save FOLDER                     a residual network of random parameters as model.safetensors, .keras and
//   .h5
//                                            (whose preprocessing is the rescale) and, for each preprocessing, as
//                                            .onnx; random images.f32, and by each of them PREPROCESSING.f32, the
//                                            probabilities
//   networks run NETWORK MODEL IMAGES OUT    residual, vgg16 or vgg16-notop; float32 files, N x H x W x C and N x
//   outputs
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/resnet.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/random/philox.hpp>
#ifdef CXRNET_ONNX
#include <cxrnet/io/onnx.hpp>
#endif

#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

using namespace cxrnet;

namespace {

template <class Preprocessing>
using Residuals = Seq<ResNetBackbone<2, 4, Input<16, 12, 3, Preprocessing>>, Dropout<0.3>, Flatten, Dense<5, Relu>,
                      BatchNorm<>, Dense<3, Softmax>>;
using Whole = Seq<VGG16<WithTop, Frozen, ImageNetTorch>>;
using Backbone = Seq<VGG16Backbone<Frozen, ImageNetTorch>>;

std::vector<float> read_floats(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

void write_floats(const std::filesystem::path& file, std::span<const float> values) {
  write_atomically(file, std::as_bytes(values));
}

std::vector<float> random_values(std::size_t count, std::uint64_t seed, double low, double high) {
  RandomStream stream(seed, RandomUse::weights, 7, 7);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(stream.uniform(low, high));
  return values;
}

template <class Net, class Backend>
void run(const std::filesystem::path& model, const std::filesystem::path& images, const std::filesystem::path& out) {
  const std::vector<float> pixels = read_floats(images);
  const std::size_t count = pixels.size() / Traits<Net>::input.size();
  std::vector<float> results(count * Traits<Net>::output.size());
  load_as<Net, Backend>(model, 2)->predict(std::span<const float>(pixels), std::span<float>(results));
  write_floats(out, results);
}

/// What differs between preprocessings: the ONNX files, and the probabilities.
template <class Preprocessing>
void save_with(const std::filesystem::path& folder, std::span<const float> parameters) {
  using Net = Residuals<Preprocessing>;
  const std::string name(Preprocessing::name);
  save_model(folder / (name + ".safetensors"), description_of<Net>, parameters);
  run<Net, Reference<float>>(folder / (name + ".safetensors"), folder / "images.f32", folder / (name + ".f32"));
#ifdef CXRNET_ONNX
  write_onnx(folder / (name + ".onnx"), description_of<Net>, parameters, {{"classes", R"(["a","b","c"])"}});
  write_onnx(folder / (name + "-prepared.onnx"), description_of<Net>, parameters, {}, OnnxInput::prepared);
#endif
}

void save(const std::filesystem::path& folder) {
  using Net = Residuals<Rescale<>>;
  const auto& network = description_of<Net>;
  std::vector<float> parameters = initial_parameters<Net>(3);
  for (const ParameterInfo& info : network.parameters) {
    if (info.parameter.rank != 1) continue;
    const bool variance = info.parameter.role == "moving_variance";
    const auto values = random_values(info.parameter.size(), info.offset, variance ? 0.3 : -0.5, variance ? 2 : 1.5);
    std::copy(values.begin(), values.end(), parameters.begin() + static_cast<std::ptrdiff_t>(info.offset));
  }
  write_floats(folder / "images.f32", random_values(5 * network.input.size(), 9, 0, 255));
  for (const char* name : {"model.safetensors", "model.keras", "model.h5"}) {
    save_model(folder / name, network, parameters);
  }
  save_with<Rescale<>>(folder, parameters);
  save_with<ImageNetCaffe>(folder, parameters);
  save_with<ImageNetTorch>(folder, parameters);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 2 && arguments[0] == "save") return save(arguments[1]), 0;
    if (arguments.size() == 5 && arguments[0] == "run") {
      const auto with = [&](auto function) { return function(arguments[2], arguments[3], arguments[4]), 0; };
      if (arguments[1] == "residual") return with(run<Residuals<Rescale<>>, Reference<float>>);
      if (arguments[1] == "vgg16") return with(run<Whole, Cpu>);
      if (arguments[1] == "vgg16-notop") return with(run<Backbone, Cpu>);
    }
    std::cerr << "usage: networks save FOLDER | run residual|vgg16|vgg16-notop MODEL IMAGES OUT\n";
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
  }
  return 1;
}
