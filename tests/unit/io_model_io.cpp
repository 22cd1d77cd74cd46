#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/data/image_tensor.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
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
  for (const char* name : {"model.safetensors", "model.h5"}) {
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
  CHECK(has(message_of<FormatError>([&] { (void)parameters_of<ImageNetCaffe>(file); }), "'rescale'"));
  CHECK(has(message_of<FormatError>([&] { (void)parameters_of<Rescale<1, 127>>(file); }), "'rescale 1/127'"));
}

TEST_CASE("What cannot be saved leaves no file", "[io]") {
  const TempFolder temp;
  const auto parameters = initial_parameters<Net<AsGiven>>(4);
  CHECK(has(message_of<ArgumentError>([&] {
              save_model(temp.path() / "model.keras", description_of<Net<AsGiven>>, parameters);
            }),
            "model.keras"));
  using Branched = Seq<Input<4, 4, 2>, Residual<Conv2D<2, 3, Same>>, Flatten, Dense<2, Softmax>>;
  const auto said = message_of<FormatError>([&] {
    save_model(temp.path() / "model.h5", description_of<Branched>, initial_parameters<Branched>(0));
  });
  CHECK(has(said, "safetensors"));
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
