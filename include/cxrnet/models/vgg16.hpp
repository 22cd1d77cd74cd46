#pragma once
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>

namespace cxrnet {

/// Blocks 1 to Blocks are frozen, those behind them train: FreezeThrough<4> fine-tunes VGG16's fifth.
template <int Blocks>
struct FreezeThrough {
  static_assert(Blocks >= 0, "cxrnet: FreezeThrough<Blocks> needs a number of blocks");
  using option = TrainingOption;
  template <int Block, class... Layers>
  using apply = std::conditional_t<(Block <= Blocks), Freeze<Layers...>, Seq<Layers...>>;
};

/// The backbone's parameters do not train.
struct Frozen : FreezeThrough<1000> {};

/// The backbone's parameters train.
struct Trainable : FreezeThrough<0> {};

namespace vgg16 {

template <bool allowed>
struct options_are {
  static_assert(allowed,
                "cxrnet: VGG16Backbone takes one of Frozen and Trainable, and one of Rescale<n, d> and ImageNetCaffe");
};

template <FixedString name, int Filters>
using Conv = Named<name, Conv2D<Filters, 3, Same, Relu>>;
template <FixedString name>
using Pool = Named<name, MaxPool<2>>;

/// Configuration D of Simonyan and Zisserman 2014 up to its last pool, under Keras's layer names.
template <class Training, class Preprocessing>
using Backbone = Group<
    "backbone", Input<224, 224, 3, Preprocessing>,
    typename Training::template apply<1, Conv<"block1_conv1", 64>, Conv<"block1_conv2", 64>, Pool<"block1_pool">>,
    typename Training::template apply<2, Conv<"block2_conv1", 128>, Conv<"block2_conv2", 128>, Pool<"block2_pool">>,
    typename Training::template apply<3, Conv<"block3_conv1", 256>, Conv<"block3_conv2", 256>,
                                      Conv<"block3_conv3", 256>, Pool<"block3_pool">>,
    typename Training::template apply<4, Conv<"block4_conv1", 512>, Conv<"block4_conv2", 512>,
                                      Conv<"block4_conv3", 512>, Pool<"block4_pool">>,
    typename Training::template apply<5, Conv<"block5_conv1", 512>, Conv<"block5_conv2", 512>,
                                      Conv<"block5_conv3", 512>, Pool<"block5_pool">>>;

/// The top counts as a sixth block.
template <class Training>
using Top = typename Training::template apply<6, Named<"flatten", Flatten>, Named<"fc1", Dense<4096, Relu>>,
                                              Named<"fc2", Dense<4096, Relu>>, Named<"predictions", Dense<1000, Softmax>>>;

}  // namespace vgg16

/// VGG16's convolutions and pools without its top: 224 x 224 x 3 images in, 7 x 7 x 512 out. Options in any order:
/// Frozen, FreezeThrough<n> or Trainable (the default), and the preprocessing: Rescale<1, 255> (the default, the reference's) or
/// ImageNetCaffe (what the ImageNet weights were trained with).
template <class... Options>
struct VGG16Backbone : private vgg16::options_are<Allowed<TrainingOption, PreprocessingOption>::by<Options...>> {
  using expansion = vgg16::Backbone<option_of<TrainingOption, Trainable, Options...>,
                                    option_of<PreprocessingOption, Rescale<1, 255>, Options...>>;
};

struct WithTop {};

/// The whole VGG16: with its top of three dense layers and 1000 ImageNet classes, which the reference replaces.
template <class Top, class... Options>
struct VGG16;
template <class... Options>
struct VGG16<WithTop, Options...> {
  using expansion = Seq<VGG16Backbone<Options...>, vgg16::Top<option_of<TrainingOption, Trainable, Options...>>>;
};

}  // namespace cxrnet
