#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/io/torch_state.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {
using Net = Seq<Input<7, 6, 3>, Conv2D<4, 3, Same, Relu>, BatchNorm<>, MaxPool<2>, Conv2D<5, 2, NoBias>, Flatten,
                BatchNorm<>, Dropout<0.5>, Dense<6, Relu>, Dense<2, Softmax>>;
}  // namespace

TEST_CASE("A network goes to PyTorch's layouts and back", "[io_torch_state]") {
  const TempFolder temp;
  const auto file = temp.path() / "state.safetensors";
  auto parameters = initial_parameters<Net>(5);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] += 0.01F * static_cast<float>(i % 89);
  const auto& network = description_of<Net>;
  NamedTensors state = to_torch_state(network, name_parameters(network, parameters, {{"format", "pt"}}));
  REQUIRE(state.find("conv2d.weight") != nullptr);
  CHECK(state.find("conv2d.weight")->dims == std::vector<std::size_t>{4, 3, 3, 3});
  CHECK(state.find("dense.weight")->dims == std::vector<std::size_t>{6, 2 * 2 * 5});
  REQUIRE(state.find("batch_normalization.running_var") != nullptr);
  std::sort(state.tensors.begin(), state.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  write_safetensors(file, state);
  std::vector<float> back(parameters.size());
  take_parameters(network, read_weights(file), file.string(), Which::all, back);
  CHECK(back == parameters);

  // Under names of PyTorch's kind the order decides.
  const std::pair<const char*, const char*> names[]{
      {"conv2d.", "features.0."},    {"batch_normalization.", "features.2."},
      {"conv2d_1.", "features.10."}, {"batch_normalization_1.", "features.12."},
      {"dense.", "classifier.0."},   {"dense_1.", "classifier.3."}};
  for (NamedTensor& tensor : state.tensors) {
    for (const auto& [ours, torch] : names) {
      if (tensor.name.starts_with(ours)) {
        tensor.name = torch + tensor.name.substr(std::string_view(ours).size());
        break;
      }
    }
  }
  std::sort(state.tensors.begin(), state.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  write_safetensors(file, state);
  std::fill(back.begin(), back.end(), 0.0F);
  const auto taken = take_parameters(network, read_weights(file), file.string(), Which::all, back);
  CHECK(back == parameters);
  CHECK(taken.front() == "features.0.kernel");
}

TEST_CASE("VGG16 has torchvision's names", "[io_torch_state]") {
  const auto& network = description_of<VGG16<WithTop, Frozen>>;
  const auto names = torchvision_names(network);
  const auto name_of = [&](std::string_view layer) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (network.layers[i].name.view() == layer) return names[i];
    }
    return std::string("none");
  };
  CHECK(name_of("block1_conv1") == "features.0");
  CHECK(name_of("block1_conv2") == "features.2");
  CHECK(name_of("block2_conv1") == "features.5");
  CHECK(name_of("block3_conv3") == "features.14");
  CHECK(name_of("block5_conv3") == "features.28");
  CHECK(name_of("fc1") == "classifier.0");
  CHECK(name_of("predictions") == "classifier.6");
}

TEST_CASE("A state of another head is refused with both sides", "[io_torch_state]") {
  const NamedTensors state{{{"features.0.weight", {4, 3, 3, 3}, std::vector<float>(108)},
                            {"features.0.bias", {4}, std::vector<float>(4)},
                            {"classifier.0.weight", {7, 16}, std::vector<float>(112)},
                            {"classifier.0.bias", {7}, std::vector<float>(7)}}, {}};
  REQUIRE(is_torch_state(state));
  using Small = Seq<Input<4, 4, 3>, Conv2D<4, 3>, Flatten, Dense<2>>;
  std::vector<float> parameters(Traits<Small>::parameter_count);
  const auto said = message_of<FormatError>([&] {
    take_parameters(description_of<Small>, from_torch_state(state), "state", Which::all, parameters);
  });
  CHECK(has(said, "it lacks conv2d (3, 3, 3, 4) (4), dense (16, 2) (2)"));
  CHECK(has(said, "the network has no features.0 (3, 3, 3, 4) (4), classifier.0 (16, 7) (7)"));
  CHECK_FALSE(is_torch_state({{{"dense.kernel", {1, 1}, {1}}, {"dense.bias", {1}, {1}}}, {}}));
}

TEST_CASE("A count of batches is passed over", "[io_torch_state]") {
  const TempFolder temp;
  const std::string header = R"({"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                             R"("bn.weight":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                             R"("bn.running_mean":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})";
  const std::uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), 8);
  bytes += header + std::string(16, '\0');
  write_atomically(temp.path() / "a.safetensors", bytes);
  const NamedTensors read = read_weights(temp.path() / "a.safetensors");
  REQUIRE(read.tensors.size() == 2);
  CHECK(read.find("bn.gamma") != nullptr);
  CHECK(read.find("bn.moving_mean") != nullptr);
}
