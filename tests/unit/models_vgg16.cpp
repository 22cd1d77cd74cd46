#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"
#include "npy.hpp"
#include "shared.hpp"

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// A network of the first layers of another: its blocks 1 to n, as Keras's Model(inputs, intermediate output) is.
template <std::size_t Count, class Nodes, class Taken = NodeList<>>
struct first_nodes;
template <std::size_t Count, class First, class... Rest, class... Taken>
struct first_nodes<Count, NodeList<First, Rest...>, NodeList<Taken...>>
    : first_nodes<Count - 1, NodeList<Rest...>, NodeList<Taken..., First>> {};
template <class First, class... Rest, class... Taken>
struct first_nodes<0, NodeList<First, Rest...>, NodeList<Taken...>> {
  using nodes = NodeList<Taken...>;
};
/// The backbone up to block 1 to 5's pool.
template <std::size_t Count>
using Prefix = first_nodes<Count, typename Seq<VGG16Backbone<Frozen>, GAP>::nodes>;

static_assert(Traits<Prefix<4>>::output == image_dims(112, 112, 64));
static_assert(Traits<Prefix<19>>::output == image_dims(7, 7, 512));

std::optional<NamedTensors> weights(std::string_view test) {
  const std::filesystem::path file = CXRNET_SOURCE_DIR "/weights/vgg16_imagenet_notop.safetensors";
  if (std::filesystem::exists(file)) return read_safetensors(file);
  std::cout << "skipped: " << test << " needs VGG16's weights: run weights/fetch.sh\n";
  return std::nullopt;
}

template <class Net>
std::vector<float> parameters_of(const NamedTensors& file) {
  std::vector<float> values = initial_parameters<Net>(0);
  take_parameters(description_of<Net>, file, "weights", Which::backbone, values);
  return values;
}

/// One block's whole map of image 0 and spatial means of all four against Keras's.
template <std::size_t Layers, class Backend>
void check_block(int block, int capacity, const NamedTensors& file, const std::filesystem::path& golden) {
  using Net = Prefix<Layers>;
  using T = Traits<Net>;
  const Model<Net, Backend> model(parameters_of<Net>(file), capacity);
  const auto input = npy<float>(golden / "input.npy");
  std::vector<float> maps(4 * T::output.size());
  model.features_of_prepared({input.data(), input.size()}, maps);

  const std::string name = "block" + std::to_string(block) + "_pool_";
  const auto image0 = npy<float>(golden / (name + "image0.npy"));
  const std::size_t step = block <= 2 ? 8 : 1;
  const auto channels = static_cast<std::size_t>(T::output.channels);
  const auto width = static_cast<std::size_t>(T::output.width);
  std::vector<float> map0;
  for (std::size_t y = 0; y < static_cast<std::size_t>(T::output.height); y += step) {
    for (std::size_t x = 0; x < width; x += step) {
      const auto pixel = maps.begin() + static_cast<std::ptrdiff_t>((y * width + x) * channels);
      map0.insert(map0.end(), pixel, pixel + static_cast<std::ptrdiff_t>(channels));
    }
  }
  const auto means = npy<float>(golden / (name + "gap.npy"));
  std::vector<double> mean(4 * channels);
  const double pixels = static_cast<double>(T::output.size() / channels);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    mean[i / T::output.size() * channels + i % channels] += static_cast<double>(maps[i]) / pixels;
  }
  const double map_error = relative_error(map0, image0);
  const double mean_error = relative_error(mean, means);
  std::cout << "vgg16 block " << block << " on " << Backend::name
            << (std::is_same_v<Backend, OneDnnDirect> ? ", direct" : "") << ", capacity "
            << capacity << ": maps " << map_error << ", means " << mean_error << " of the largest\n";
  CAPTURE(block, capacity);
  CHECK(map_error < 1e-4);
  CHECK(mean_error < 1e-4);
}

template <class Backend>
void check_blocks(int capacity, const NamedTensors& file, const std::filesystem::path& golden) {
  check_block<4, Backend>(1, capacity, file, golden);
  check_block<7, Backend>(2, capacity, file, golden);
  check_block<11, Backend>(3, capacity, file, golden);
  check_block<15, Backend>(4, capacity, file, golden);
  check_block<19, Backend>(5, capacity, file, golden);
}

/// Loss, predictions and every gradient of what `Training` unfreezes, against golden/finetune.
template <class Training>
void check_gradients(const NamedTensors& file, const std::filesystem::path& shared) {
  using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  using T = Traits<Net>;
  auto parameters = parameters_of<Net>(file);
  const std::array names{"final_w1.npy", "final_b1.npy", "final_w2.npy", "final_b2.npy"};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto values = npy<float>(shared / "golden/head" / names[i]);
    std::copy(values.begin(), values.end(), parameters.begin() + static_cast<std::ptrdiff_t>(T::parameters[26 + i].offset));
  }
  const auto golden = shared / "golden/finetune";
  Model<Net, Cpu> model(parameters, 4);
  const auto input = npy<float>(shared / "golden/vgg16/input.npy");
  std::vector<float> features(4 * T::features.size());
  model.features_of_prepared({input.data(), input.size()}, features);
  std::vector<float> probabilities(8);
  model.predict_features(features, probabilities);
  const double prediction_error = relative_error(probabilities, npy<float>(golden / "predictions.npy"));

  Trainer<Net, Cpu> trainer(model);
  const double loss = trainer.gradients_of(features, std::array{0, 0, 1, 1}).loss_sum / 4;
  const auto truth = nlohmann::json::parse(std::ifstream(golden / "gradients.json"));
  CHECK(prediction_error < 1e-3);
  CHECK(loss == Approx(truth.at("loss").get<double>()).epsilon(1e-3));
  double worst_norm = 0;
  double worst_element = 0;
  for (std::size_t i = 0; i < T::parameters.size(); ++i) {
    const ParameterInfo& info = T::parameters[i];
    if (!info.trains) continue;
    CAPTURE(std::string(info.name.view()));
    const auto mine = trainer.gradients().subspan(info.gradient, info.parameter.size());
    double squares = 0;
    for (const float g : mine) squares += double{g} * g;
    const double norm = std::abs(std::sqrt(squares) / truth.at("l2")[i].template get<double>() - 1);
    CHECK(norm < 1e-3);
    worst_norm = std::max(worst_norm, norm);
    const auto given = golden / ("grad_" + std::string(info.name.view()) + ".npy");
    if (!std::filesystem::exists(given)) continue;
    const auto expected = npy<float>(given);
    const double element = relative_error(mine, std::span(expected.data(), expected.size()));
    CHECK(element < 1e-3);
    worst_element = std::max(worst_element, element);
  }
  std::cout << "finetune, " << T::trainable_count << " parameters train: predictions " << prediction_error << ", loss "
            << loss << " of " << truth.at("loss") << ", norms " << worst_norm << ", elements " << worst_element << "\n";
}

template <class Training>
using Reference2 = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

// Block 5 has 3 x (512 x 512 x 3 x 3 + 512) parameters, the head 65,922; what is frozen has no gradient bytes.
static_assert(Trainer<Reference2<FreezeThrough<4>>, OneDnn>::gradient_bytes == (3 * (512 * 512 * 9 + 512) + 65922) * 4);
static_assert(Trainer<Reference2<Frozen>, OneDnn>::gradient_bytes == 65922 * 4);
static_assert(Traits<Reference2<FreezeThrough<4>>>::features == image_dims(14, 14, 512));

/// VGG16 training as a whole, its blocks as they are or computed again.
template <template <class...> class Wrap>
using Blocks = Seq<Input<224, 224, 3>, Wrap<vgg::Block<1, 2>>, Wrap<vgg::Block<2, 2>>, Wrap<vgg::Block<3, 3>>,
                   Wrap<vgg::Block<4, 3>>, Wrap<vgg::Block<5, 3>>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
template <class Net>
constexpr std::size_t arena = Trainer<Net, OneDnn>::arena_bytes(1);
static_assert(arena<Blocks<Seq>> == arena<Reference2<Trainable>>);
static_assert(arena<Blocks<Recompute>> < arena<Blocks<Seq>>);

/// Probabilities of two images and every gradient.
template <class Net>
auto trained_once() {
  using T = Traits<Net>;
  const auto seed = random_values<float>(2 * T::output.size(), 3);
  Head<Net, OneDnn> head(initial_parameters<Net>(1), 2);
  auto output = head.forward(random_values<float>(2 * T::features.size(), 2, 0, 1));
  return std::pair(output, head.backward(seed));
}

}  // namespace

TEST_CASE("VGG16's blocks computed again give its gradients to the bit, in a smaller arena", "[models_vgg16][slow]") {
  const auto plain = trained_once<Blocks<Seq>>();
  CHECK((plain == trained_once<Blocks<Recompute>>()));
  std::cout << "vgg16, training arena for each image: " << arena<Blocks<Seq>> << " bytes, computed again "
            << arena<Blocks<Recompute>> << "\n";
}

TEST_CASE("VGG16's maps are Keras's within 1e-4", "[models_vgg16][slow]") {
  const auto shared = shared_or_skip("VGG16's maps");
  const auto file = weights("VGG16's maps");
  if (!shared || !file) return;
  const auto golden = *shared / "golden/vgg16";
  for (const int capacity : {1, 4}) check_blocks<Cpu>(capacity, *file, golden);
  // oneDNN picks other Winograd tiles for other batches.
  for (const int capacity : {1, 4, 8}) check_blocks<OneDnn>(capacity, *file, golden);
  check_blocks<OneDnnDirect>(8, *file, golden);
}

TEST_CASE("Gradients of the head, of block 5 and of all of VGG16 are Keras's", "[models_vgg16][slow]") {
  const auto shared = shared_or_skip("VGG16's gradients");
  const auto file = weights("VGG16's gradients");
  if (!shared || !file) return;
  check_gradients<Frozen>(*file, *shared);
  check_gradients<FreezeThrough<4>>(*file, *shared);
  check_gradients<Trainable>(*file, *shared);
}
