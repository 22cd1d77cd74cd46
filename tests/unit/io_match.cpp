#include <cxrnet/io/match.hpp>

#include "catch.hpp"
#include "message.hpp"

namespace {

using Dims = std::vector<std::size_t>;
using Names = std::vector<std::string>;

struct LayerOf {
  std::string name;
  Dims kernel;
};

std::vector<cxrnet::WantedTensor> wanted(const std::vector<LayerOf>& layers) {
  std::vector<cxrnet::WantedTensor> tensors;
  for (const auto& layer : layers) {
    tensors.push_back({layer.name + ".kernel", layer.kernel});
    tensors.push_back({layer.name + ".bias", {layer.kernel.back()}});
  }
  return tensors;
}

cxrnet::NamedTensors found(const std::vector<LayerOf>& layers) {
  cxrnet::NamedTensors model;
  for (const auto& tensor : wanted(layers)) {
    model.tensors.push_back({tensor.name, tensor.dims, std::vector<float>(*cxrnet::element_count(tensor.dims))});
  }
  return model;
}

// The file's names in the order of the network's, or the error.
Names matched(const std::vector<LayerOf>& network, const std::vector<LayerOf>& file,
              cxrnet::Extras extras = cxrnet::Extras::refuse) {
  const auto model = found(file);
  try {
    Names names;
    for (const auto* tensor : cxrnet::match(wanted(network), model, "w.h5", extras)) names.push_back(tensor->name);
    return names;
  } catch (const cxrnet::FormatError& error) {
    return {error.what()};
  }
}

const LayerOf conv1{"block1_conv1", {3, 3, 3, 4}}, conv2{"block1_conv2", {3, 3, 4, 4}}, conv3{"block2_conv1", {3, 3, 4, 4}};
const LayerOf dense{"dense", {4, 8}}, dense_1{"dense_1", {8, 2}};

}  // namespace

TEST_CASE("layers match by name, in any order", "[io]") {
  CHECK(matched({conv1, conv2, dense}, {dense, conv2, conv1}) ==
        Names{"block1_conv1.kernel", "block1_conv1.bias", "block1_conv2.kernel", "block1_conv2.bias", "dense.kernel",
              "dense.bias"});
  const auto model = found({conv1});
  const std::vector<cxrnet::WantedTensor> bias_first{{"block1_conv1.bias", {4}}, {"block1_conv1.kernel", {3, 3, 3, 4}}};
  CHECK(cxrnet::match(bias_first, model, "w.h5")[1] == &model.tensors[0]);
}

TEST_CASE("a head with other automatic names matches by order", "[io]") {
  const LayerOf dense_2{"dense_2", {4, 8}}, dense_3{"dense_3", {8, 2}}, first{"dense_1", {4, 8}}, second{"dense_2", {8, 2}};
  const Names convs{"block1_conv1.kernel", "block1_conv1.bias"};
  CHECK(matched({conv1, dense, dense_1}, {conv1, dense_2, dense_3}) ==
        Names{convs[0], convs[1], "dense_2.kernel", "dense_2.bias", "dense_3.kernel", "dense_3.bias"});
  // dense_1 is the network's second dense layer and the file's first: names alone would cross them.
  CHECK(matched({conv1, dense, dense_1}, {conv1, first, second}) ==
        Names{convs[0], convs[1], "dense_1.kernel", "dense_1.bias", "dense_2.kernel", "dense_2.bias"});
  // A user's names in a partly frozen nested model may come in another order; they still match.
  CHECK(matched({conv1, conv2, dense}, {conv2, conv1, dense_2})[0] == "block1_conv1.kernel");
}

TEST_CASE("a file without the layers' names matches by order", "[io]") {
  const LayerOf a{"conv2d", conv1.kernel}, b{"conv2d_1", conv2.kernel}, c{"conv2d_2", conv3.kernel}, d{"dense", dense.kernel};
  CHECK(matched({conv1, conv2, conv3, dense}, {a, b, c, d}) ==
        Names{"conv2d.kernel", "conv2d.bias", "conv2d_1.kernel", "conv2d_1.bias", "conv2d_2.kernel", "conv2d_2.bias",
              "dense.kernel", "dense.bias"});
}

TEST_CASE("extra layers are refused in a whole model and ignored for a backbone", "[io]") {
  const LayerOf top{"fc1", {196, 16}};
  CHECK(matched({conv1, conv2}, {conv1, conv2, top}) ==
        Names{"'w.h5' does not fit this network: the network has no fc1 (196, 16) (16); use weights of a network like "
              "this one"});
  CHECK(matched({conv1, conv2}, {conv1, conv2, top}, cxrnet::Extras::ignore).size() == 4);
  const LayerOf a{"conv2d", conv1.kernel}, b{"conv2d_1", conv2.kernel};
  CHECK(matched({conv1, conv2}, {a, b, dense}, cxrnet::Extras::ignore).size() == 4);
}

TEST_CASE("a mismatch lists both sides", "[io]") {
  CHECK(matched({conv1, conv2, conv3}, {conv1}) ==
        Names{"'w.h5' does not fit this network: it lacks block1_conv2 (3, 3, 4, 4) (4), block2_conv1 (3, 3, 4, 4) (4); "
              "use weights of a network like this one"});
  const LayerOf other{"dense", {4, 16}};
  CHECK(matched({conv1, dense}, {conv1, other}) ==
        Names{"'w.h5' does not fit this network: it has other shapes, dense (4, 16) (16) where the network has dense "
              "(4, 8) (8); use weights of a network like this one"});
  CHECK(matched({dense}, {conv1}) ==
        Names{"'w.h5' does not fit this network: it lacks dense (4, 8) (8); the network has no block1_conv1 (3, 3, 3, 4) "
              "(4); use weights of a network like this one"});
  CHECK(matched({dense}, {}).at(0).starts_with("'w.h5' does not fit this network: it lacks dense"));
  cxrnet::NamedTensors kernel_only;
  kernel_only.tensors.push_back({"dense.kernel", {4, 8}, std::vector<float>(32)});
  CHECK(cxrnet::test::has(cxrnet::test::message_of<cxrnet::FormatError>(
                              [&] { (void)cxrnet::match(wanted({dense}), kernel_only, "w.h5"); }),
                          "it has other shapes, dense (4, 8) where the network has dense (4, 8) (8)"));
}

TEST_CASE("automatic names are Keras's own", "[io]") {
  for (const char* name : {"dense", "dense_12", "conv2d", "conv2d_3"}) CHECK(cxrnet::detail::is_automatic(name));
  for (const char* name : {"block1_conv1", "dense_a", "fc1", "predictions", "dense12", "_1", ""}) {
    CHECK_FALSE(cxrnet::detail::is_automatic(name));
  }
}
