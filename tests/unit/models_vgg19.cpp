#include <cxrnet/core/description.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg19.hpp>

#include "catch.hpp"

#include <string>
#include <vector>

using namespace cxrnet;

namespace {

using T = Traits<VGG19Backbone<>>;

// What Keras's VGG19(include_top=False).count_params() and VGG19().count_params() say.
static_assert(T::parameter_count == 20'024'384 && T::trainable_count == T::parameter_count);
static_assert(Traits<VGG19<WithTop>>::parameter_count == 143'667'240);
static_assert(T::input == image_dims(224, 224, 3) && T::output == image_dims(7, 7, 512));
static_assert(Traits<VGG19<WithTop>>::output == vector_dims(1000));

template <class Training>
using Net = Seq<VGG19Backbone<Training, ImageNetCaffe>, GAP, Dense<2, Softmax>>;

// Block 5 starts with layer 17; what is before it has no gradient.
static_assert(Traits<Net<FreezeThrough<4>>>::cut == 17);
static_assert(Traits<Net<FreezeThrough<4>>>::features == image_dims(14, 14, 512));
static_assert(Traits<Net<FreezeThrough<4>>>::trainable_count == 4 * (512 * 512 * 9 + 512) + 512 * 2 + 2);
static_assert(Traits<Net<Frozen>>::trainable_count == 512 * 2 + 2);
static_assert(std::is_same_v<Traits<Net<Frozen>>::Preprocess, ImageNetCaffe>);

}  // namespace

TEST_CASE("VGG19's layers have Keras's names and belong to the group backbone", "[models_vgg19]") {
  const std::vector<std::string> names{
      "input_layer",  "block1_conv1", "block1_conv2", "block1_pool",  "block2_conv1", "block2_conv2",
      "block2_pool",  "block3_conv1", "block3_conv2", "block3_conv3", "block3_conv4", "block3_pool",
      "block4_conv1", "block4_conv2", "block4_conv3", "block4_conv4", "block4_pool",  "block5_conv1",
      "block5_conv2", "block5_conv3", "block5_conv4", "block5_pool",  "global_average_pooling2d", "dense"};
  const Description network = description_of<Net<Trainable>>;
  REQUIRE(network.layers.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(network.layers[i].name.view() == names[i]);
    CHECK(network.layers[i].group == (i < 22 ? "backbone" : "head"));
  }
}

TEST_CASE("VGG19's blocks have the filters of configuration E", "[models_vgg19]") {
  std::vector<int> filters;
  for (const auto& parameter : T::parameters) {
    if (parameter.parameter.role == "kernel") filters.push_back(parameter.parameter.dims[3]);
  }
  CHECK(filters == std::vector<int>{64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512});
}
