#include <cxrnet/io/keras_h5.hpp>
#include <cxrnet/io/keras_h5_writer.hpp>
#include <cxrnet/io/safetensors.hpp>

#include <sys/resource.h>

#include <cmath>
#include <cstdlib>
#include <iterator>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

namespace {

struct Example {
  cxrnet::KerasModel model;
  cxrnet::NamedTensors weights;
};

// One layer of each class, weights of no pattern.
Example example() {
  Example made;
  const auto add = [&](const char* class_name, const char* name) -> cxrnet::KerasLayer& {
    made.model.layers.emplace_back();
    made.model.layers.back().class_name = class_name, made.model.layers.back().name = name;
    return made.model.layers.back();
  };
  add("InputLayer", "input_layer").input_shape = {9, 7, 3};
  auto& conv = add("Conv2D", "block1_conv1");
  conv.units = 4, conv.kernel = {3, 3}, conv.padding = "same", conv.activation = "relu", conv.trainable = false;
  auto& pool = add("MaxPooling2D", "block1_pool");
  pool.kernel = pool.strides = {2, 2};
  auto& strided = add("Conv2D", "conv");
  strided.units = 6, strided.kernel = {2, 1}, strided.strides = {2, 1};
  add("Activation", "relu").activation = "relu";
  add("Flatten", "flatten");
  auto& hidden = add("Dense", "dense");
  hidden.units = 5, hidden.activation = "relu";
  add("Dropout", "dropout").rate = 0.5;
  auto& last = add("Dense", "dense_1");
  last.units = 2, last.activation = "softmax";
  made.model.training.emplace();
  const std::vector<std::pair<std::string, std::vector<std::size_t>>> shapes{
      {"block1_conv1.kernel", {3, 3, 3, 4}}, {"block1_conv1.bias", {4}}, {"conv.kernel", {2, 1, 4, 6}}, {"conv.bias", {6}},
      {"dense.kernel", {36, 5}},             {"dense.bias", {5}},        {"dense_1.kernel", {5, 2}},    {"dense_1.bias", {2}}};
  float seed = 0.0F;
  for (const auto& [name, dims] : shapes) {
    std::vector<float> values(*cxrnet::element_count(dims));
    for (float& value : values) value = std::sin(seed += 1.7F) / 2;
    made.weights.tensors.push_back({name, dims, values});
  }
  made.weights.metadata = {{"classes", R"(["COVID","Normal"])"}, {"preprocess", "imagenet"}};
  return made;
}

}  // namespace

TEST_CASE("what write_keras_h5 writes, read_keras_h5 reads", "[io]") {
  const TempFolder temp;
  // With CXRNET_INTEROP_OUT set the file stays, for tests/interop/keras_reads_ours.py.
  const char* kept = std::getenv("CXRNET_INTEROP_OUT");
  const fs::path path = (kept != nullptr ? fs::path(kept) : temp.path()) / "ours.h5";
  const Example made = example();
  cxrnet::write_keras_h5(path, made.model, made.weights);
  cxrnet::write_safetensors(path.string() + ".safetensors", made.weights);
  const cxrnet::NamedTensors back = cxrnet::read_keras_h5(path);
  REQUIRE(back.tensors.size() == made.weights.tensors.size());
  for (std::size_t i = 0; i < back.tensors.size(); ++i) {
    CHECK(back.tensors[i].name == made.weights.tensors[i].name);
    CHECK(back.tensors[i].dims == made.weights.tensors[i].dims);
    CHECK(back.tensors[i].values == made.weights.tensors[i].values);
  }
  CHECK(back.metadata == made.weights.metadata);
}

TEST_CASE("layers and weights that disagree are an argument error, and no file is left", "[io]") {
  const TempFolder temp;
  const auto refusal = [&](const Example& made) {
    return message_of<cxrnet::ArgumentError>([&] { cxrnet::write_keras_h5(temp.path() / "a.h5", made.model, made.weights); });
  };
  Example missing = example();
  missing.weights.tensors.pop_back();
  CHECK(refusal(missing) == "the weights have no tensor dense_1.bias of shape (2)");
  Example wrong = example();
  wrong.weights.tensors[4].dims = {5, 36};
  CHECK(refusal(wrong) == "the weights have no tensor dense.kernel of shape (36, 5)");
  Example twice = example();
  twice.model.layers[2].name = "block1_conv1";
  CHECK(has(refusal(twice), "the Keras layer name 'block1_conv1' is empty, taken or has a slash"));
  Example slash = example();
  slash.model.layers[2].name = "a/b";
  CHECK(has(refusal(slash), "'a/b'"));
  CHECK(fs::is_empty(temp.path()));
}

TEST_CASE("a place that cannot be written is a file error", "[io]") {
  const TempFolder temp;
  const Example made = example();
  CHECK(has(message_of<cxrnet::FileError>([&] { cxrnet::write_keras_h5(temp.path(), made.model, made.weights); }),
            "this is a folder, so give the name of a file"));
  CHECK(fs::is_empty(temp.path()));
}

TEST_CASE("a full disk is a file error that names the file and the cause, and the old file stays", "[io]") {
  const TempFolder temp;
  const fs::path path = temp.path() / "a.h5";
  const Example made = example();
  cxrnet::write_keras_h5(path, made.model, made.weights);
  const auto size = fs::file_size(path);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  for (const rlim_t room : {rlim_t{100}, rlim_t{3000}, static_cast<rlim_t>(size - 1)}) {
    const rlimit full{room, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
    const std::string message =
        message_of<cxrnet::FileError>([&] { cxrnet::write_keras_h5(path, made.model, made.weights); });
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(has(message, "cannot write '" + path.string() + "'"));
    CHECK(has(message, "is the disk full?"));
  }
  CHECK(fs::file_size(path) == size);
  CHECK(std::distance(fs::directory_iterator(temp.path()), {}) == 1);
}
