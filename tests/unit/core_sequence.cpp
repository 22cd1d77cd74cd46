#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/cxrnet.hpp>

#include "catch.hpp"

using namespace cxrnet;

namespace {

// The network of the README.
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
using T = Traits<Net>;

static_assert(T::input == image_dims(224, 224, 3));
static_assert(T::output == vector_dims(2));
static_assert(T::features == vector_dims(512));
static_assert(T::layer_count == 22);  // the input, 13 convolutions, 5 pools and the three that are written
static_assert(T::cut == 20);
static_assert(T::parameters.size() == 30);
static_assert(T::parameter_count == 14'780'610);  // as Keras's summary says
static_assert(T::trainable_count == 65'922);
static_assert(std::is_same_v<T::Preprocess, Rescale<1, 255>>);
static_assert(T::flops > 30.6e9 && T::flops < 30.8e9);

// Frozen parameters have no gradient and no optimiser state anywhere.
static_assert(Trainer<Net, OneDnn>::gradient_bytes == 65'922 * sizeof(float));
static_assert(Trainer<Net, OneDnn>::optimizer_bytes == 2 * 65'922 * sizeof(float));
static_assert(Trainer<Net, Reference<double>>::gradient_bytes == 65'922 * sizeof(double));
static_assert(Lowered<Net, OneDnn, Mode::training>::backbone_plan.gradients[5].bytes == 0);

static_assert(Traits<Seq<VGG16<WithTop>>>::parameter_count == 138'357'544);
static_assert(Traits<Seq<VGG16<WithTop>>>::trainable_count == 138'357'544);
static_assert(Traits<Seq<VGG16<WithTop, Frozen>>>::trainable_count == 0);
static_assert(Traits<Seq<VGG16<WithTop, Frozen>>>::cut == Traits<Seq<VGG16<WithTop>>>::layer_count);
static_assert(Traits<Seq<VGG16<WithTop>>>::output == vector_dims(1000));
static_assert(Traits<VGG16<WithTop>>::layer_count == 23);

// Options in any order.
using Forwards = VGG16Backbone<Frozen, ImageNetCaffe>;
using Backwards = VGG16Backbone<ImageNetCaffe, Frozen>;
static_assert(std::is_same_v<detail::expand<Forwards>::type, detail::expand<Backwards>::type>);
static_assert(std::is_same_v<Traits<Seq<Forwards, GAP>>::Preprocess, ImageNetCaffe>);
static_assert(std::is_same_v<detail::expand<VGG16Backbone<>>::type,
                             detail::expand<VGG16Backbone<Trainable, Rescale<1, 255>>>::type>);
static_assert(Traits<Seq<VGG16Backbone<>>>::trainable_count == 14'714'688);
static_assert(std::is_same_v<Traits<Seq<VGG16<WithTop, ImageNetCaffe, Frozen>>>::Preprocess, ImageNetCaffe>);
static_assert(Conv2D<8, 3, Same, Relu, Stride<2>>::output(image_dims(9, 8, 3)) ==
              Conv2D<8, 3, Stride<2>, Relu, Same>::output(image_dims(9, 8, 3)));

// Nested sequences are the flat one.
using Flat = Seq<Input<8, 8, 3>, Conv2D<4, 3>, Relu, GAP, Dense<2>>;
using Nested = Seq<Seq<Seq<Input<8, 8, 3>>, Conv2D<4, 3>>, Seq<Relu, Seq<GAP>>, Dense<2>>;
static_assert(std::is_same_v<Flat::nodes, Nested::nodes>);

using Some = Seq<Input<9, 7, 1>, Freeze<Conv2D<4, 3>, Named<"mine", Conv2D<5, 2>>>, MaxPool<2>, Flatten, Dropout<0.5>,
                 Named<"last", Dense<3>>, Dense<2>>;
static_assert(Traits<Some>::cut == 5);  // the dropout: random, though it trains nothing
static_assert(Traits<Some>::features == vector_dims(3 * 2 * 5));
static_assert(Traits<Some>::layers[5].random && !Traits<Some>::layers[5].trains);

// A frozen layer behind the cut counts no gradient; a network that all trains is cut behind its input.
static_assert(Traits<Seq<Input<1, 1, 4>, Flatten, Dense<3>, Freeze<Dense<5>>>>::trainable_count == 15);
static_assert(Traits<Seq<Input<1, 1, 4>, Conv2D<1, 1>>>::cut == 1);
static_assert(Traits<Seq<Input<1, 1, 4>, Conv2D<1, 1>>>::features == image_dims(1, 1, 4));

// A residual block is not cut in two.
using Block = Seq<Input<4, 4, 2>, Freeze<Conv2D<2, 1>>, Residual<Freeze<Conv2D<2, 1>>, Conv2D<2, 1>>>;
static_assert(Traits<Block>::cut == 2 && Traits<Block>::layers[2].kind == "fork");
static_assert(Traits<Seq<Input<4, 4, 2>, Residual<Freeze<Conv2D<2, 1>>>, Dropout<0.1>>>::cut == 4);

}  // namespace

TEST_CASE("Layers have Keras's names, given ones or automatic ones", "[core_sequence]") {
  std::vector<std::string> names;
  for (const LayerInfo& layer : Traits<Some>::layers) names.emplace_back(layer.name.view());
  CHECK(names == std::vector<std::string>{"input_layer", "conv2d", "mine", "max_pooling2d", "flatten", "dropout",
                                          "last", "dense_1"});
  CHECK(T::layers[1].name.view() == "block1_conv1");
  CHECK(T::layers[18].name.view() == "block5_pool");
  CHECK(T::layers[20].name.view() == "dense");
  CHECK(T::layers[21].name.view() == "dense_1");
  CHECK(T::parameters[0].name.view() == "block1_conv1.kernel");
  CHECK(T::parameters[29].name.view() == "dense_1.bias");
}

TEST_CASE("Shapes, offsets and gradients are counted in layer order", "[core_sequence]") {
  const auto& p = Traits<Some>::parameters;
  CHECK(Traits<Some>::layers[1].out == image_dims(7, 5, 4));
  CHECK(Traits<Some>::layers[2].out == image_dims(6, 4, 5));
  CHECK(p[0].parameter.dims == std::array{3, 3, 1, 4});
  CHECK(p[1].offset == 36);
  CHECK(p[2].offset == 40);
  CHECK(p[2].parameter.dims == std::array{2, 2, 4, 5});
  CHECK_FALSE(p[2].trains);
  CHECK(p[4].trains);
  CHECK(p[4].gradient == 0);
  CHECK(p[4].offset == 40 + 80 + 5);
  CHECK(p[7].gradient == 90 + 3 + 6);
  CHECK(Traits<Some>::layers[7].parameter_count == 2);
  CHECK(Traits<Some>::layers[7].parameters == 8);
}

TEST_CASE("A residual block's operands are the branch and what went in", "[core_sequence]") {
  using Two = Traits<Seq<Input<4, 4, 2>, Conv2D<2, 1>, Residual<Relu, Residual<Relu>>>>;
  // convolution 0 -> 1, bias 1 -> 2, relu 2 -> 3, relu 3 -> 4, 4 + 3 -> 5, 5 + 2 -> 6
  REQUIRE(Two::operation_count == 6);
  CHECK(Two::operations[4].kind == op::Kind::add);
  CHECK(Two::operations[4].inputs == std::array{4, 3});
  CHECK(Two::operations[5].inputs == std::array{5, 2});
  CHECK(Two::operations[5].output == 6);
  CHECK(Two::layers[2].depth == 0);
  CHECK(Two::layers[3].depth == 1);
  CHECK(Two::layers[5].depth == 2);
}

TEST_CASE("Fans and starting values are Keras's", "[core_sequence]") {
  CHECK(convolution_kernel(3, 3, 64, 128).fan_in() == 576);
  CHECK(convolution_kernel(3, 3, 64, 128).fan_out() == 1152);
  CHECK(dense_kernel(512, 128).fan_in() == 512);
  CHECK(dense_kernel(512, 128).fan_out() == 128);
  using Small = Seq<Input<1, 1, 200>, Flatten, Dense<100>>;
  const auto values = initial_parameters<Small>(5);
  const double limit = std::sqrt(6.0 / 300);
  const auto kernel = std::span(values).first(20'000);
  CHECK(std::all_of(kernel.begin(), kernel.end(), [&](float v) { return std::abs(v) <= limit; }));
  double sum = 0;
  double squares = 0;
  for (const float v : kernel) {
    sum += v;
    squares += double{v} * v;
  }
  CHECK(std::abs(sum / 20'000) < 5 * limit / std::sqrt(3.0 * 20'000));
  CHECK(squares / 20'000 == Approx(limit * limit / 3).epsilon(0.02));
  CHECK(std::all_of(values.begin() + 20'000, values.end(), [](float v) { return v == 0; }));
  CHECK(initial_parameters<Small>(5) == values);
  CHECK(initial_parameters<Small>(6) != values);
}
