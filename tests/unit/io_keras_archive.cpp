#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_config.hpp>
#include <cxrnet/io/match.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/io/zip.hpp>

#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::string refusal(const std::string& config, hdf5::Writer* weights) {
  const TempFolder temp;
  const std::vector<std::byte> h5 = weights == nullptr ? std::vector<std::byte>(10) : weights->bytes();
  const std::vector<ZipMember> members{{"config.json", std::as_bytes(std::span(config))}, {"model.weights.h5", h5}};
  write_zip(temp.path() / "m.keras", members);
  const std::string said = message_of<FormatError>([&] { (void)read_keras(temp.path() / "m.keras"); });
  CHECK(has(said, "'" + (temp.path() / "m.keras").string() + "'"));
  return said;
}

}  // namespace

TEST_CASE("What Keras saved as .keras gives the tensors that Keras had, in their order", "[io_keras_archive]") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(CXRNET_SOURCE_DIR "/tests/interop/files"))) {
    if (entry.path().extension() != ".keras") continue;
    INFO(entry.path());
    const NamedTensors expected = read_safetensors(entry.path().string() + ".safetensors");
    const NamedTensors read = read_keras(entry.path());
    REQUIRE(read.tensors.size() == expected.tensors.size());
    for (std::size_t i = 0; i < read.tensors.size(); ++i) {
      CHECK(read.tensors[i].name == expected.tensors[i].name);
      CHECK(read.tensors[i].dims == expected.tensors[i].dims);
      CHECK(read.tensors[i].values == expected.tensors[i].values);
    }
    ++files;
  }
  CHECK(files >= 5);
}

TEST_CASE("What write_keras writes, read_keras reads, and the same again are the same bytes", "[io_keras_archive]") {
  const TempFolder temp;
  KerasModel model;
  model.layers.resize(5);
  const char* classes[] = {"InputLayer", "Dense", "BatchNormalization", "Dense", "Add"};
  const char* names[] = {"input", "first", "norm", "second", "sum"};
  for (std::size_t i = 0; i < 5; ++i) model.layers[i].class_name = classes[i], model.layers[i].name = names[i];
  model.layers[0].input_shape = {1};
  model.layers[1].units = model.layers[3].units = 2;
  model.layers[3].use_bias = false;
  model.layers[4].inputs = {"norm", "second"};
  const NamedTensors weights{{{"first.kernel", {1, 2}, {1, 2}},
                              {"first.bias", {2}, {3, 4}},
                              {"norm.gamma", {2}, {5, 6}},
                              {"norm.beta", {2}, {7, 8}},
                              {"norm.moving_mean", {2}, {9, 10}},
                              {"norm.moving_variance", {2}, {11, 12}},
                              {"second.kernel", {2, 2}, {13, 14, 15, 16}}},
                             {{"classes", R"(["COVID","Normal"])"}}};
  write_keras(temp.path() / "a.keras", model, weights);
  write_keras(temp.path() / "b.keras", model, weights);
  const NamedTensors back = read_keras(temp.path() / "a.keras");
  REQUIRE(back.tensors.size() == weights.tensors.size());
  for (std::size_t i = 0; i < back.tensors.size(); ++i) {
    CHECK(back.tensors[i].name == weights.tensors[i].name);
    CHECK(back.tensors[i].values == weights.tensors[i].values);
  }
  CHECK(back.metadata == weights.metadata);
  const auto contents = [&](const char* name) {
    std::ifstream in(temp.path() / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  CHECK(contents("a.keras") == contents("b.keras"));
  NamedTensors missing = weights;
  missing.tensors.pop_back();
  CHECK(message_of<ArgumentError>([&] { write_keras(temp.path() / "c.keras", model, missing); }) ==
        "the weights have no tensor second.kernel of shape (2, 2)");
  CHECK_FALSE(fs::exists(temp.path() / "c.keras"));
}

TEST_CASE("Archives that hold no model are refused by their name", "[io_keras_archive]") {
  const std::string one = R"({"config": {"layers": [{"class_name": "Dense", "config": {"name": "d"}}]}})";
  CHECK(has(refusal("", nullptr), "its config.json lists no layers"));
  CHECK(has(refusal("{\"config\": [1]}", nullptr), "its config.json lists no layers"));
  CHECK(has(refusal(R"({"config": {"layers": [{"class_name": 3}]}})", nullptr), "lists no layers"));
  CHECK(has(refusal(std::string(100000, '['), nullptr), "lists no layers"));
  CHECK(has(refusal(one, nullptr), "HDF5 cannot open it"));
  hdf5::Writer empty;
  CHECK(has(refusal(one, &empty), "it holds no Keras weights"));
  const TempFolder temp;
  const std::vector<ZipMember> members{{"config.json", std::as_bytes(std::span(one))}};
  write_zip(temp.path() / "m.keras", members);
  CHECK(has(message_of<FormatError>([&] { (void)read_keras(temp.path() / "m.keras"); }),
            "it has no member model.weights.h5"));
  const std::vector<ZipMember> pickle{{"archive/data.pkl", std::as_bytes(std::span(one))}};
  write_zip(temp.path() / "m.pth", pickle);
  CHECK(has(message_of<FormatError>([&] { (void)read_keras(temp.path() / "m.pth"); }), "safetensors.torch.save_file"));
}

TEST_CASE("The configuration names and orders layers where the weights do not", "[io_keras_archive]") {
  const TempFolder temp;
  const std::string config = R"({"config": {"layers": [
      {"class_name": "Dense", "config": {"name": "last"}}, {"class_name": "Functional", "config": {"name": "inner", "layers": [
        {"class_name": "Conv2D", "config": {"name": "within"}}]}}, {"class_name": "Dense", "config": {"name": "first"}}]}})";
  hdf5::Writer weights;
  const std::vector<std::size_t> square{2, 2}, window{1, 1, 2, 2};
  weights.tensor("/layers/dense_1/vars/0", square, std::vector<float>{1, 2, 3, 4});
  weights.tensor("/layers/functional/layers/conv2d/vars/0", window, std::vector<float>{5, 6, 7, 8});
  weights.tensor("/layers/dense/vars/0", square, std::vector<float>{9, 10, 11, 12});
  const std::vector<std::byte> h5 = weights.bytes();
  const std::vector<ZipMember> members{{"config.json", std::as_bytes(std::span(config))}, {"model.weights.h5", h5}};
  write_zip(temp.path() / "m.keras", members);
  const NamedTensors read = read_keras(temp.path() / "m.keras");
  REQUIRE(read.tensors.size() == 3);
  CHECK(read.tensors[0].name == "last.kernel");
  CHECK(read.tensors[0].values[0] == 9);
  CHECK(read.tensors[1].name == "within.kernel");
  CHECK(read.tensors[2].name == "first.kernel");
}

TEST_CASE("Classes are called as Keras calls them", "[io_keras_archive]") {
  for (const auto& [name, snake] :
       {std::pair("MaxPooling2D", "max_pooling2d"), std::pair("Conv2DTranspose", "conv2d_transpose"),
        std::pair("LSTM", "lstm"), std::pair("ReLU", "re_lu"), std::pair("Dense", "dense"),
        std::pair("BatchNormalization", "batch_normalization"), std::pair("", "")}) {
    CHECK(cxrnet::detail::keras_snake_case(name) == snake);
  }
}
