#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/model.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

namespace detail {

template <class Nodes>
struct Listed {
  using nodes = Nodes;
};

/// The network that one with layers in Int8 or Bf16 stands for: the same in floats.
template <class Net>
using InFloat32 = Listed<decltype(convert<op::Precision::float32>(typename expand<Net>::type{}))>;

}  // namespace detail

/// Finds the scales of a network's part in Int8: runs its layers in floats on typical public images (n x height x width x
/// channels bytes, training images say). A channel's largest byte stands for the geometric mean of its own largest
/// activation and the layer's: half of the channels' differences are left to the weights that read them, as Xiao et al.
/// 2023 (SmoothQuant) do. `parameters` are all of Net's; nothing but the scales changes. ArgumentError where there is no
/// image. For a backend there is CompactCpu, whose memory is less than a training's.
template <class Net, class Backend>
void calibrate(std::span<float> parameters, std::span<const std::uint8_t> images) {
  using Float = detail::InFloat32<Net>;
  static_assert(Traits<Net>::input_precision == op::Precision::int8, "cxrnet: only a network in Int8 has scales");
  if (images.empty()) throw ArgumentError("Calibration needs at least one image.");
  std::vector<float> without;  // scales
  without.reserve(Traits<Float>::parameter_count);
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    const auto values = parameters.subspan(info.offset, info.parameter.size());
    if (!is_activation_scale(info.parameter)) without.insert(without.end(), values.begin(), values.end());
  }
  std::vector<std::vector<float>> largest(Traits<Net>::layers.size());  // by layer and channel
  const Model<Float, Backend> model(std::move(without), 1);  // whose maps, and their copies that are looked at, stay small
  model.observe(images, [&](const op::Operation& o, int, std::span<const float> value) {
    auto& channels = largest[static_cast<std::size_t>(o.layer)];
    channels.resize(static_cast<std::size_t>(o.out.channels));
    for (std::size_t i = 0; i < value.size(); ++i) {
      float& most = channels[i % channels.size()];
      most = std::max(most, value[i]);
    }
  });
  for (const ParameterInfo& info : Traits<Net>::parameters) {
    if (!is_activation_scale(info.parameter)) continue;
    const auto& channels = largest[static_cast<std::size_t>(info.layer)];
    const float most = std::ranges::max(channels);
    for (std::size_t k = 0; k < channels.size(); ++k) {
      const float range = channels[k] > 0 ? std::sqrt(channels[k] * most) : most;
      parameters[info.offset + k] = (range > 0 ? range : 1.0F) / 255.0F;
    }
  }
}

}  // namespace cxrnet
