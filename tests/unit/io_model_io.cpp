#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/data/image_tensor.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/xtensor.hpp>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"
#include "npy.hpp"
#include "shared.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Preprocessing>
using Net = Seq<Input<12, 10, 3, Preprocessing>, Conv2D<4, 3, Relu>, MaxPool<2>, Flatten, Dense<2, Softmax>>;

template <class Preprocessing>
std::vector<float> parameters_of(const std::filesystem::path& file) {
  const auto net = load_as<Net<Preprocessing>, Reference<float>>(file);
  return {net->parameters().begin(), net->parameters().end()};
}

}  // namespace

TEST_CASE("What save_model writes, load_as reads, and refuses for another preprocessing", "[io]") {
  const TempFolder temp;
  const auto parameters = initial_parameters<Net<ImageNetCaffe>>(4);
  for (const char* name : {"model.safetensors", "model.h5", "model.keras"}) {
    const auto file = temp.path() / name;
    save_model(file, description_of<Net<ImageNetCaffe>>, parameters);
    CHECK(parameters_of<ImageNetCaffe>(file) == parameters);
    const auto said = message_of<FormatError>([&] { (void)parameters_of<Rescale<1, 255>>(file); });
    CHECK(has(said, file.string()));
    CHECK(has(said, "'imagenet'"));
    CHECK(has(said, "'rescale'"));
    save_model(file, description_of<Net<AsGiven>>, parameters, {{"preprocess", "something else"}});
    CHECK(parameters_of<AsGiven>(file) == parameters);
  }
}

TEST_CASE("A file without metadata means the reference's rescale", "[io]") {
  const TempFolder temp;
  const auto file = temp.path() / "foreign.safetensors";
  const auto parameters = initial_parameters<Net<Rescale<1, 255>>>(4);
  write_safetensors(file, name_parameters(description_of<Net<Rescale<1, 255>>>, parameters));
  CHECK(parameters_of<Rescale<1, 255>>(file) == parameters);
  const auto said = message_of<FormatError>([&] { (void)parameters_of<ImageNetCaffe>(file); });
  CHECK(has(said, "does not say how its images were prepared, which is taken to be 'rescale'"));
  CHECK(has(said, "record it with convert --preprocess"));
  CHECK(has(message_of<FormatError>([&] { (void)parameters_of<Rescale<1, 127>>(file); }), "'rescale 1/127'"));
}

TEST_CASE("Branches, batch normalisations and sigmoids go through every format", "[io]") {
  using Branched = Seq<Input<6, 6, 3>, Conv2D<4, 3, Same>, BatchNorm<0.9, 1e-4>,
                       Residual<Shortcut<Conv2D<5, 1>>, Conv2D<5, 3, Same, Relu>, Residual<BatchNorm<>, Sigmoid>>, Dropout<0.5>,
                       Flatten, Dense<2, Sigmoid>>;
  const TempFolder temp;
  auto parameters = initial_parameters<Branched>(4);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] += 0.001F * static_cast<float>(i % 97);
  for (const char* name : {"model.safetensors", "model.h5", "model.keras"}) {
    const auto file = temp.path() / name;
    save_model(file, description_of<Branched>, parameters);
    const auto net = load_as<Branched, Reference<float>>(file);
    CHECK(std::equal(parameters.begin(), parameters.end(), net->parameters().begin(), net->parameters().end()));
  }
  const KerasModel model = keras_model_of(description_of<Branched>);
  REQUIRE(model.layers.size() == 12);  // "fork" and "branch" are none
  CHECK(model.layers[3].inputs == std::vector<std::string>{"batch_normalization"});
  CHECK(model.layers[4].inputs == std::vector<std::string>{"batch_normalization"});
  CHECK(model.layers[7].inputs.size() == 2);
  CHECK(model.layers[2].momentum == Approx(0.9));
  CHECK(model.layers[2].epsilon == Approx(1e-4));
  REQUIRE(model.training);
  CHECK(model.training->loss == "binary_crossentropy");
}

TEST_CASE("What cannot be saved leaves no file", "[io]") {
  const TempFolder temp;
  const auto parameters = initial_parameters<Net<AsGiven>>(4);
  const auto said = message_of<ArgumentError>([&] {
    save_model(temp.path() / "model.onnx", description_of<Net<AsGiven>>, parameters);
  });
  CHECK(has(said, "model.onnx'; for .onnx there is write_onnx"));
  using Own = Seq<Input<4, 4, 2>, Scale, Flatten, Dense<2, Softmax>>;
  for (const char* name : {"model.h5", "model.keras"}) {
    CHECK(has(message_of<FormatError>([&] {
                save_model(temp.path() / name, description_of<Own>, initial_parameters<Own>(0));
              }),
              "The layer scale is one of yours"));
  }
  CHECK(std::filesystem::is_empty(temp.path()));
}

TEST_CASE("A model that Keras saved gives the predictions that Keras recorded", "[io][golden][slow]") {
  const auto shared = shared_or_skip("golden/e2e");
  if (!shared) return;
  using Reported = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  const auto net = load_as<Reported, OneDnn>(*shared / "golden/e2e/keras_seed_model.h5", 8);
  const auto files = nlohmann::json::parse(std::ifstream(*shared / "golden/e2e/files.json"));
  const auto truth = npy<float>(*shared / "golden/e2e/predictions.npy");
  REQUIRE(truth.size() == 2 * files.size());
  std::vector<std::filesystem::path> paths;
  for (const auto& file : files) paths.push_back(*shared / "cxr" / file.get<std::string>());
  const auto said = net->predict(read_images(paths));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    INFO(paths[i]);
    const double tolerance = inspect_image(paths[i]).format == ImageFormat::png ? 2e-3 : 2e-2;
    for (std::size_t k = 0; k < 2; ++k) CHECK(std::abs(said(i, k) - truth(i, k)) < tolerance);
  }
}
