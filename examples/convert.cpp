// Turns weight and model files of one format into another: safetensors, Keras, PyTorch, ONNX.
#include "common/program.hpp"
#include "variants/variants.hpp"

#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/io/torch_state.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/models/vgg19.hpp>
#include <cxrnet/report/text.hpp>
#ifdef CXRNET_ONNX
#include <cxrnet/io/onnx.hpp>
#endif

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

using namespace cxrnet;
using namespace cxrnet::programs;

namespace {

struct Settings {
  std::filesystem::path in;
  std::filesystem::path out;
  std::string network = "reference";
  std::string preprocess;
  std::vector<std::string> classes;
  std::string layout = "keras";
  std::string onnx_input = "images";
};

/// A VGG network with the preprocessing of that name.
template <template <class...> class Backbone, class... Top>
const Description& vgg(const std::string& preprocess) {
  const auto find = [&]<class... P>() {
    const Description* found = nullptr;
    ((P::name == preprocess ? static_cast<void>(found = &description_of<Seq<Backbone<Frozen, P>, Top...>>) : void()),
     ...);
    return found;
  };
  const Description* network = find.template operator()<Rescale<1, 255>, ImageNetCaffe, ImageNetTorch>();
  if (network == nullptr) {
    throw ArgumentError("There is no preprocessing '" + preprocess + "': it is rescale, imagenet or imagenet-torch.");
  }
  return *network;
}

const Description& describe_network(const std::string& name, const std::string& preprocess) {
  using Top = vgg::Top<Frozen>;
  if (name == "vgg16") return vgg<VGG16Backbone, Top>(preprocess);
  if (name == "vgg16-notop") return vgg<VGG16Backbone>(preprocess);
  if (name == "vgg19") return vgg<VGG19Backbone, Top>(preprocess);
  if (name == "vgg19-notop") return vgg<VGG19Backbone>(preprocess);
  return describe({.preprocess = preprocess});
}

NamedTensors read_any(const std::filesystem::path& file) {
  std::array<char, 3> start{};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  if (!is_onnx({start.data(), start.size()})) return read_weights(file);
#ifdef CXRNET_ONNX
  return read_onnx(file);
#else
  throw ArgumentError("'" + file.string() +
                      "' is an ONNX file, and this program was built without libonnx-dev: install it and build again.");
#endif
}

void write_any(const Settings& settings, const Description& network, std::span<const float> parameters,
               std::map<std::string, std::string> metadata) {
  if (settings.layout == "torch") {
    if (settings.out.extension() != ".safetensors") throw ArgumentError("PyTorch's layout is written as .safetensors.");
    metadata["preprocess"] = network.preprocess;
    const NamedTensors ours = name_parameters(network, parameters, std::move(metadata));
    return write_safetensors(settings.out, to_torch_state(network, ours));
  }
  if (settings.out.extension() != ".onnx") return save_model(settings.out, network, parameters, std::move(metadata));
#ifdef CXRNET_ONNX
  const OnnxInput input = settings.onnx_input == "images" ? OnnxInput::images : OnnxInput::prepared;
  write_onnx(settings.out, network, parameters, std::move(metadata), input);
#else
  throw ArgumentError("This program was built without libonnx-dev: install it and build again to write .onnx.");
#endif
}

/// The preprocessing that the network gets: as asked for, as recorded, or the reference's where it is the reference.
std::string preprocess_of(const Settings& settings, const NamedTensors& file) {
  const auto recorded = file.metadata.find("preprocess");
  if (recorded != file.metadata.end()) {
    if (!settings.preprocess.empty() && settings.preprocess != recorded->second) {
      throw FormatError("'" + settings.in.string() + "' was trained with the preprocessing '" + recorded->second +
                        "', not with '" + settings.preprocess + "': leave out --preprocess.");
    }
    return recorded->second;
  }
  if (!settings.preprocess.empty()) return settings.preprocess;
  if (settings.network != "reference") {
    throw ArgumentError("'" + settings.in.string() + "' does not say how its images were prepared: give --preprocess, "
                        "imagenet for Keras's ImageNet weights, imagenet-torch for torchvision's.");
  }
  std::cerr << "note: " << printable(settings.in.string())
            << " does not say how its images were prepared: taken to be the reference's rescale by 1/255.\n";
  return "rescale";
}

/// The layers whose names in the file are others.
void print_renamed(const Description& network, const std::vector<std::string>& names) {
  std::size_t same = 0;
  const auto layer = [](std::string_view name) { return std::string(name.substr(0, name.rfind('.'))); };
  std::vector<std::string> renamed;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string ours = layer(network.parameters[i].name.view()), theirs = layer(names[i]);
    same += ours == theirs ? 1 : 0;
    const std::string line = "  " + printable(theirs) + " is " + ours;
    if (ours != theirs && (renamed.empty() || renamed.back() != line)) renamed.push_back(line);
  }
  std::cout << same << " tensors matched by name, " << names.size() - same << " by order\n";
  for (const std::string& line : renamed) std::cout << line << '\n';
}

int convert(const Settings& settings) {
  const NamedTensors file = read_any(settings.in);
  std::cout << "read " << printable(settings.in.string()) << ": " << file.tensors.size() << " tensors\n";
  const Description& network = describe_network(settings.network, preprocess_of(settings, file));
  const bool backbone = network.output.is_image();  // which may come out of a file with a top
  std::vector<float> parameters(network.parameter_count);
  print_renamed(
      network, take_parameters(network, file, settings.in.string(), backbone ? Which::backbone : Which::all, parameters));

  std::map<std::string, std::string> metadata = file.metadata;
  metadata.erase("format");  // PyTorch's "pt"
  if (!settings.classes.empty()) {
    if (backbone || settings.classes.size() != network.output.size()) {
      throw ArgumentError("--classes has " + std::to_string(settings.classes.size()) + " names where the network has " +
                          std::to_string(backbone ? 0 : network.output.size()) + " classes.");
    }
    metadata["classes"] = nlohmann::json(settings.classes).dump();
  }
  write_any(settings, network, parameters, std::move(metadata));
  std::cout << "wrote " << printable(settings.out.string()) << ": " << settings.network << ", "
            << network.parameter_count << " parameters, preprocessing " << network.preprocess << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Turns weight and model files of one format into another.");
  Settings settings;
  app.add_option("--in", settings.in, "safetensors (ours or PyTorch's), Keras's .keras, .h5 or .weights.h5, ONNX")
      ->required();
  app.add_option("--out", settings.out, "What to write: .safetensors, .keras, .h5 or .onnx")->required();
  app.add_option("--network", settings.network, "reference, vgg16, vgg16-notop, vgg19 or vgg19-notop")
      ->capture_default_str()
      ->check(CLI::IsMember({"reference", "vgg16", "vgg16-notop", "vgg19", "vgg19-notop"}));
  app.add_option("--preprocess", settings.preprocess,
                 "What the weights were trained with, where the file does not say: rescale, imagenet (Keras's ImageNet "
                 "weights) or imagenet-torch (torchvision's)")
      ->check(CLI::IsMember({"rescale", "imagenet", "imagenet-torch"}));
  app.add_option("--classes", settings.classes, "Names of the classes to record, as COVID,Normal")->delimiter(',');
  app.add_option("--layout", settings.layout, "Names and layouts within .safetensors: keras or torch (a state_dict(), "
                 "torchvision's for VGG)")
      ->capture_default_str()
      ->check(CLI::IsMember({"keras", "torch"}));
  app.add_option("--onnx-input", settings.onnx_input,
                 "What an .onnx takes: images (RGB, 0 to 255; preprocessing is part of it) or prepared")
      ->capture_default_str()
      ->check(CLI::IsMember({"images", "prepared"}));
  return run(app, argc, argv, [&] { return convert(settings); });
}
