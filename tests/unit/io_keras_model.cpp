#include <cxrnet/io/keras_config.hpp>
#include <cxrnet/io/keras_model.hpp>

#include "catch.hpp"
#include "message.hpp"

using cxrnet::KerasLayer;
using cxrnet::test::has;
using cxrnet::test::message_of;

namespace {

KerasLayer layer(const std::string& class_name, const std::string& name) {
  KerasLayer result;
  result.class_name = class_name, result.name = name;
  return result;
}

KerasLayer input(std::vector<std::size_t> shape) {
  KerasLayer result = layer("InputLayer", "input_layer");
  result.input_shape = std::move(shape);
  return result;
}

KerasLayer window(const std::string& class_name, std::size_t size, std::size_t stride, const std::string& padding) {
  KerasLayer result = layer(class_name, "w");
  result.kernel = {size, size}, result.strides = {stride, stride}, result.padding = padding, result.units = 5;
  return result;
}

}  // namespace

TEST_CASE("output shapes follow Keras's rules", "[io]") {
  using Sizes = std::vector<std::size_t>;
  const auto after = [](const KerasLayer& one, const Sizes& in) { return cxrnet::detail::keras_output_shape(one, in); };
  CHECK(after(window("Conv2D", 3, 1, "same"), {9, 7, 3}) == Sizes{9, 7, 5});
  CHECK(after(window("Conv2D", 3, 1, "valid"), {9, 7, 3}) == Sizes{7, 5, 5});
  CHECK(after(window("Conv2D", 3, 2, "same"), {9, 7, 3}) == Sizes{5, 4, 5});
  CHECK(after(window("MaxPooling2D", 2, 2, "valid"), {9, 7, 3}) == Sizes{4, 3, 3});
  CHECK(after(window("MaxPooling2D", 2, 2, "same"), {9, 7, 3}) == Sizes{5, 4, 3});
  CHECK(after(layer("GlobalAveragePooling2D", "g"), {9, 7, 3}) == Sizes{3});
  CHECK(after(layer("Flatten", "f"), {9, 7, 3}) == Sizes{189});
  CHECK(after(layer("Dropout", "d"), {9, 7, 3}) == Sizes{9, 7, 3});
  CHECK(cxrnet::detail::keras_variables(window("Conv2D", 3, 1, "same"), {9, 7, 3}) ==
        std::vector<std::pair<std::string, Sizes>>{{"kernel", {3, 3, 3, 5}}, {"bias", {5}}});
  KerasLayer unbiased = layer("Dense", "d");
  unbiased.units = 2, unbiased.use_bias = false;
  CHECK(cxrnet::detail::keras_variables(unbiased, {7}) == std::vector<std::pair<std::string, Sizes>>{{"kernel", {7, 2}}});
  CHECK(cxrnet::detail::keras_variables(layer("BatchNormalization", "b"), {4, 4, 6}).at(3) ==
        std::pair<std::string, Sizes>{"moving_variance", {6}});
}

TEST_CASE("layers that make no network are refused", "[io]") {
  const auto refusal = [](std::vector<KerasLayer> layers) {
    cxrnet::KerasModel model;
    model.layers = std::move(layers);
    return message_of<cxrnet::ArgumentError>([&] { (void)cxrnet::detail::keras_model_config(model, cxrnet::KerasFormat::h5); });
  };
  CHECK(refusal({}) == "a Keras model begins with an InputLayer");
  CHECK(refusal({layer("Flatten", "f")}) == "a Keras model begins with an InputLayer");
  KerasLayer second = input({4});
  second.name = "input_layer_1";
  CHECK(refusal({input({4}), second}) == "a Keras model has one InputLayer");
  CHECK(refusal({input({4}), layer("GlobalAveragePooling2D", "g")}) ==
        "the Keras layer g (GlobalAveragePooling2D) cannot follow an output of shape (4)");
  CHECK(has(refusal({input({4, 4, 1}), layer("Dense", "d")}), "cannot follow an output of shape (4, 4, 1)"));
  CHECK(has(refusal({input({4}), layer("LSTM", "l")}), "is of an unknown class"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 1, "valid")}), "window larger than its input"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 0, "valid")}), "window or stride of zero"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 1, "full")}), "unknown padding"));
  CHECK(has(refusal({input({4}), layer("Flatten", "f"), layer("Flatten", "f")}), "'f' is empty, taken or has a slash"));
  KerasLayer lost = layer("Flatten", "f"), add = layer("Add", "add"), flat = layer("Flatten", "flat");
  lost.inputs = {"nobody"};
  CHECK(refusal({input({4}), lost}) == "the Keras layer f is fed by none of the layers before it");
  add.inputs = {"input_layer", "flat"};
  CHECK(has(refusal({input({2, 2, 1}), flat, add}), "add is fed by outputs of two shapes, (2, 2, 1) and (4)"));
  add.inputs = {"input_layer"};
  CHECK(refusal({input({4}), add}) == "the Keras layer add (Add) cannot have 1 inputs");
  flat.inputs = {"input_layer", "input_layer"};
  CHECK(refusal({input({4}), flat}) == "the Keras layer flat (Flatten) cannot have 2 inputs");
}

TEST_CASE("the configuration says what Keras needs", "[io]") {
  cxrnet::KerasModel model;
  model.layers = {input({8, 8, 3}), window("Conv2D", 3, 1, "same"), layer("GlobalAveragePooling2D", "g")};
  model.layers[1].activation = "relu", model.layers[1].trainable = false;
  const auto json = cxrnet::detail::keras_model_config(model, cxrnet::KerasFormat::h5);
  CHECK(json["class_name"] == "Functional");
  CHECK(json["config"]["output_layers"].dump() == R"(["g",0,0])");
  const auto& conv = json["config"]["layers"][1];
  CHECK(conv["config"]["activation"] == "relu");
  CHECK(conv["config"]["trainable"] == false);
  CHECK(conv["config"]["kernel_size"].dump() == "[3,3]");
  const auto& tensor = json["config"]["layers"][2]["inbound_nodes"][0]["args"][0]["config"];
  CHECK(tensor["keras_history"].dump() == R"(["w",0,0])");
  CHECK(tensor["shape"].dump() == "[null,8,8,5]");
}

TEST_CASE("two branches meet in one call of Add", "[io]") {
  cxrnet::KerasModel model;
  KerasLayer normal = layer("BatchNormalization", "b"), add = layer("Add", "add");
  normal.momentum = 0.9, normal.epsilon = 1e-5, add.inputs = {"input_layer", "b"};
  model.layers = {input({4}), normal, add};
  const auto json = cxrnet::detail::keras_model_config(model, cxrnet::KerasFormat::keras);
  const auto& layers = json["config"]["layers"];
  CHECK(layers[1]["module"] == "keras.layers");
  CHECK(layers[1]["config"]["momentum"] == 0.9);
  CHECK(layers[1]["config"]["epsilon"] == 1e-5);
  const auto& arguments = layers[2]["inbound_nodes"][0]["args"];
  REQUIRE(arguments.size() == 1);
  REQUIRE(arguments[0].size() == 2);
  CHECK(arguments[0][0]["config"]["keras_history"][0] == "input_layer");
  CHECK(arguments[0][1]["config"]["keras_history"][0] == "b");
}

TEST_CASE("layers are put in Keras's order", "[io]") {
  cxrnet::KerasModel model;  // a shortcut of one layer, written first, beside a branch of two
  for (const char* name : {"input", "shortcut", "one", "two", "sum"}) {
    model.layers.emplace_back();
    model.layers.back().class_name = "Activation", model.layers.back().name = name;
  }
  model.layers[0].class_name = "InputLayer", model.layers[0].input_shape = {2}, model.layers[4].class_name = "Add";
  model.layers[2].inputs = {"input"};
  model.layers[4].inputs = {"two", "shortcut"};
  std::string order;
  for (const KerasLayer& layer : cxrnet::detail::in_keras_order(model).layers) order += layer.name + " ";
  CHECK(order == "input one two shortcut sum ");
  model.layers[4].inputs = {"two", "two"};
  CHECK(message_of<cxrnet::ArgumentError>([&] { (void)cxrnet::detail::in_keras_order(model); }) ==
        "a Keras model has no layers that lead nowhere");
}
