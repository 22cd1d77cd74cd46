#pragma once
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/freeze_through.hpp>

#include <utility>

namespace cxrnet {
namespace resnet {

template <bool allowed>
struct options_are {
  static_assert(allowed, "cxrnet: ResNetBackbone takes one of Frozen, FreezeThrough<n> and Trainable");
};

/// The convolution of the paper: no bias, since the normalisation behind it has one; its output keeps the size or, by a
/// stride of 2, halves it.
template <FixedString name, int Filters, int Kernel, int step>
using Conv = Named<name, Conv2D<Filters, Kernel, Same, Stride<step>, NoBias>>;

/// Two 3 x 3 convolutions, each with its normalisation, and what the input adds to them: itself or, where the shape
/// changes, a 1 x 1 convolution of it with a normalisation too (the paper's option B).
template <int Stage, int Number, int Filters, int step>
using Branch = Seq<Conv<numbered<"conv#_block#_1_conv", Stage, Number>, Filters, 3, step>,
                   Named<numbered<"conv#_block#_1_bn", Stage, Number>, BatchNorm<>>,
                   Named<numbered<"conv#_block#_1_relu", Stage, Number>, Relu>,
                   Conv<numbered<"conv#_block#_2_conv", Stage, Number>, Filters, 3, 1>,
                   Named<numbered<"conv#_block#_2_bn", Stage, Number>, BatchNorm<>>>;

template <int Stage, int Number, int Filters, int step>
struct block {
  using sum = Residual<Branch<Stage, Number, Filters, step>>;
};
template <int Stage, int Number, int Filters>
struct block<Stage, Number, Filters, 2> {
  using sum = Residual<Shortcut<Conv<numbered<"conv#_block#_0_conv", Stage, Number>, Filters, 1, 2>,
                                Named<numbered<"conv#_block#_0_bn", Stage, Number>, BatchNorm<>>>,
                       Branch<Stage, Number, Filters, 2>>;
};

template <int Stage, int Number, int Filters, int step>
using Block = Seq<typename block<Stage, Number, Filters, step>::sum,
                  Named<numbered<"conv#_block#_out", Stage, Number>, Relu>>;

template <int Number, int Filters, class Indices>
struct stage;
template <int Number, int Filters, int... I>
struct stage<Number, Filters, std::integer_sequence<int, I...>> {
  using type = Seq<Block<Number, I + 1, Filters, (I == 0 && Number > 2 ? 2 : 1)>...>;
};

/// Stage Number, 2 to 4, which the third and fourth enter by a stride of 2.
template <int Number, int Blocks, int Filters>
using Stage = typename stage<Number, Filters, std::make_integer_sequence<int, Blocks>>::type;

/// What comes before the stages.
template <int Filters>
using Stem = Seq<Conv<"conv1_conv", Filters, 3, 1>, Named<"conv1_bn", BatchNorm<>>, Named<"conv1_relu", Relu>>;

}  // namespace resnet

/// The residual network for small images of He et al. 2015, section 4.2: a stem and three stages of Blocks residual
/// blocks each, of Width, 2 Width and 4 Width filters, without the top: `Seq<ResNetBackbone<3, 16, Input<32, 32, 3>>,
/// GAP, Dense<10, Softmax>>` is the paper's network of 6 Blocks + 2 = 20 layers, but for the shortcuts where the shape
/// changes, which are 1 x 1 convolutions as in its larger networks. Gives a map of a quarter of the input's height and
/// width. Layers are named as in Keras's ResNet50; the stem counts as block 1 of FreezeThrough<n>, the stages, conv2
/// to conv4, as blocks 2 to 4. Options: Frozen, FreezeThrough<n> or Trainable (the default).
template <int Blocks, int Width, class Images, class... Options>
struct ResNetBackbone : private resnet::options_are<Allowed<TrainingOption>::by<Options...>> {
  static_assert(Blocks > 0 && Width > 0, "cxrnet: ResNetBackbone<Blocks, Width, Images> needs positive numbers");
  using Training = option_of<TrainingOption, Trainable, Options...>;
  using expansion = Group<"backbone", Images, typename Training::template apply<1, resnet::Stem<Width>>,
                          typename Training::template apply<2, resnet::Stage<2, Blocks, Width>>,
                          typename Training::template apply<3, resnet::Stage<3, Blocks, 2 * Width>>,
                          typename Training::template apply<4, resnet::Stage<4, Blocks, 4 * Width>>>;
};

}  // namespace cxrnet
