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
  CHECK(cxrnet::detail::keras_weight_shapes(window("Conv2D", 3, 1, "same"), {9, 7, 3}) ==
        std::vector<Sizes>{{3, 3, 3, 5}, {5}});
}

TEST_CASE("layers that make no chain are refused", "[io]") {
  const auto refusal = [](std::vector<KerasLayer> layers) {
    cxrnet::KerasModel model;
    model.layers = std::move(layers);
    return message_of<cxrnet::ArgumentError>([&] { (void)cxrnet::detail::keras_model_config(model); });
  };
  CHECK(refusal({}) == "a Keras model begins with an InputLayer");
  CHECK(refusal({layer("Flatten", "f")}) == "a Keras model begins with an InputLayer");
  CHECK(refusal({input({4}), input({4})}) == "a chain has one InputLayer");
  CHECK(refusal({input({4}), layer("GlobalAveragePooling2D", "g")}) ==
        "the Keras layer g (GlobalAveragePooling2D) cannot follow an output of shape (4)");
  CHECK(has(refusal({input({4, 4, 1}), layer("Dense", "d")}), "cannot follow an output of shape (4, 4, 1)"));
  CHECK(has(refusal({input({4}), layer("LSTM", "l")}), "is of an unknown class"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 1, "valid")}), "window larger than its input"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 0, "valid")}), "window or stride of zero"));
  CHECK(has(refusal({input({2, 2, 1}), window("Conv2D", 3, 1, "full")}), "unknown padding"));
}

TEST_CASE("the configuration says what Keras needs", "[io]") {
  cxrnet::KerasModel model;
  model.layers = {input({8, 8, 3}), window("Conv2D", 3, 1, "same"), layer("GlobalAveragePooling2D", "g")};
  model.layers[1].activation = "relu", model.layers[1].trainable = false;
  const auto json = nlohmann::json::parse(cxrnet::detail::keras_model_config(model));
  CHECK(json["class_name"] == "Functional");
  CHECK(json["config"]["output_layers"] == nlohmann::json::array({"g", 0, 0}));
  const auto& conv = json["config"]["layers"][1];
  CHECK(conv["config"]["activation"] == "relu");
  CHECK(conv["config"]["trainable"] == false);
  CHECK(conv["config"]["kernel_size"] == nlohmann::json::array({3, 3}));
  const auto& tensor = json["config"]["layers"][2]["inbound_nodes"][0]["args"][0]["config"];
  CHECK(tensor["keras_history"] == nlohmann::json::array({"w", 0, 0}));
  CHECK(tensor["shape"] == nlohmann::json::array({nullptr, 8, 8, 5}));
}
