#pragma once
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/models/freeze_through.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace cxrnet {

struct WithTop {};

namespace vgg {

/// A configuration of Simonyan and Zisserman 2014: how many convolutions each block has.
template <int... Convolutions>
struct Configuration {};

template <bool allowed>
struct options_are {
  static_assert(allowed, "cxrnet: VGG backbones take one of Frozen, FreezeThrough<n> and Trainable, and one of "
                         "Rescale<n, d>, ImageNetCaffe and ImageNetTorch, and one of Float32, Int8 and Bf16");
};

template <int Number, int Filters, class Indices>
struct block;
template <int Number, int Filters, int... I>
struct block<Number, Filters, std::integer_sequence<int, I...>> {
  using type = Seq<Named<numbered<"block#_conv#", Number, I + 1>, Conv2D<Filters, 3, Same, Relu>>...,
                   Named<numbered<"block#_pool", Number>, MaxPool<2>>>;
};

constexpr int filters(int block) { return std::min(32 << block, 512); }

/// Block Number, 1 to 5, under Keras's names: 3 x 3 convolutions of 64, 128, 256, 512 or 512 filters, and a pool that
/// halves height and width.
template <int Number, int Convolutions>
using Block = typename block<Number, filters(Number), std::make_integer_sequence<int, Convolutions>>::type;

template <class Training, class Preprocessing, class Precision, class Configuration, class Indices>
struct layers;
template <class Training, class Preprocessing, class Precision, int... Convolutions, int... I>
struct layers<Training, Preprocessing, Precision, Configuration<Convolutions...>, std::integer_sequence<int, I...>> {
  using type = Group<"backbone", WithPrecision<Precision, Input<224, 224, 3, Preprocessing>,
                                               typename Training::template apply<I + 1, Block<I + 1, Convolutions>>...>>;
};

/// A configuration without its top.
template <class Configuration, class... Options>
struct Backbone : private options_are<Allowed<TrainingOption, PreprocessingOption, PrecisionOption>::by<Options...>> {
  using expansion = typename layers<option_of<TrainingOption, Trainable, Options...>,
                                    option_of<PreprocessingOption, Rescale<1, 255>, Options...>,
                                    option_of<PrecisionOption, Float32, Options...>, Configuration,
                                    std::make_integer_sequence<int, 5>>::type;
};

/// The top of every configuration, which counts as a sixth block.
template <class Training>
using Top = typename Training::template apply<6, Named<"flatten", Flatten>, Named<"fc1", Dense<4096, Relu>>,
                                              Named<"fc2", Dense<4096, Relu>>,
                                              Named<"predictions", Dense<1000, Softmax>>>;

/// A whole configuration.
template <class Configuration, class... Options>
using Whole = Seq<Backbone<Configuration, Options...>, Top<option_of<TrainingOption, Trainable, Options...>>>;

}  // namespace vgg
}  // namespace cxrnet
