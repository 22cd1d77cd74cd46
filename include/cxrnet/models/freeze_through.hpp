#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/options.hpp>
#include <cxrnet/core/sequence.hpp>

#include <type_traits>

namespace cxrnet {

/// A backbone's blocks 1 to Blocks are frozen, those behind them train: FreezeThrough<4> fine-tunes VGG16's fifth.
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

}  // namespace cxrnet
