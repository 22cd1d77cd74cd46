#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

#include <type_traits>

using namespace cxrnet;

TEST_CASE("Input comes first, implies its shape and is no operation", "[layers_input]") {
  using T = Traits<Seq<Input<9, 7, 3>, Flatten>>;
  CHECK(T::input == image_dims(9, 7, 3));
  CHECK(T::operation_count == 1);
  CHECK(T::operations[0].inputs[0] == 0);
  CHECK(T::layers[0].value == 0);
  CHECK(T::layers[0].name.view() == "input_layer");
  CHECK(Input<9, 7, 3>::accepts(Dims{}));
  CHECK_FALSE(Input<9, 7, 3>::accepts(image_dims(9, 7, 3)));
}

TEST_CASE("Input carries the preprocessing, none where none is said", "[layers_input]") {
  CHECK(std::is_same_v<Traits<Seq<Input<9, 7, 1>, Flatten>>::Preprocess, AsGiven>);
  CHECK(std::is_same_v<Traits<Seq<Input<9, 7, 3, ImageNetCaffe>, Flatten>>::Preprocess, ImageNetCaffe>);
  CHECK(std::is_same_v<Traits<Seq<Seq<Input<9, 7, 3, Rescale<1, 127>>>, Flatten>>::Preprocess, Rescale<1, 127>>);
}
