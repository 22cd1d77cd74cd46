#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {
template <class Preprocessing, int Units = 2>
using Net = Seq<Input<2, 2, 3, Preprocessing>, Flatten, Dense<Units, Softmax>>;
}  // namespace

TEST_CASE("A file is loaded in the backend's numbers, with the capacity asked for", "[io_load]") {
  const TempFolder folder;
  const auto file = folder.path() / "model.safetensors";
  const auto parameters = initial_parameters<Net<ImageNetCaffe>>(4);
  save_model(file, description_of<Net<ImageNetCaffe>>, parameters);
  const auto net = load_as<Net<ImageNetCaffe>, Reference<double>>(file, 3);
  CHECK(net->capacity() == 3);
  CHECK(std::equal(parameters.begin(), parameters.end(), net->parameters().begin(), net->parameters().end()));
}

TEST_CASE("A file for another preprocessing or another shape is refused by name", "[io_load]") {
  const TempFolder folder;
  const auto file = folder.path() / "model.safetensors";
  save_model(file, description_of<Net<ImageNetCaffe>>, initial_parameters<Net<ImageNetCaffe>>(4));
  const auto other = message_of<FormatError>([&] { (void)load_as<Net<Rescale<>>, Reference<float>>(file); });
  CHECK(has(other, "'" + file.string() + "' was trained with the preprocessing 'imagenet'"));
  CHECK(has(other, "has 'rescale': use"));
  const auto units = message_of<FormatError>([&] { (void)load_as<Net<ImageNetCaffe, 3>, Reference<float>>(file); });
  CHECK(has(units, file.string()));
  CHECK(has(units, "dense (12, 2)"));
}
