#pragma once
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/core/sequence.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace cxrnet {

/// A network's constants for code that does not know its type: files, summaries, training loops.
struct Description {
  std::span<const LayerInfo> layers;
  std::span<const ParameterInfo> parameters;
  std::span<const op::Operation> operations;  ///< unfused
  Dims input;
  Dims features;  ///< what the layers before the cut give
  Dims output;
  int cut = 0;    ///< the first layer that trains, is random or has state
  std::size_t parameter_count = 0;
  std::size_t trainable_count = 0;
  double flops = 0;             ///< of a forward pass of one image
  std::string_view preprocess;              ///< the preprocessing type's name: "rescale", "imagenet"
  std::span<const ChannelMap> channel_maps;  ///< what it does to each channel of the input
};

template <class Net>
inline constexpr Description description_of{
    Traits<Net>::layers,
    Traits<Net>::parameters,
    std::span<const op::Operation>(Traits<Net>::operations).first(Traits<Net>::operation_count),
    Traits<Net>::input,
    Traits<Net>::features,
    Traits<Net>::output,
    Traits<Net>::cut,
    Traits<Net>::parameter_count,
    Traits<Net>::trainable_count,
    Traits<Net>::flops,
    Traits<Net>::Preprocess::name,
    channel_maps_of<typename Traits<Net>::Preprocess, Traits<Net>::input.channels>};

}  // namespace cxrnet
