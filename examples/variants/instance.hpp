#pragma once
#include "variants/unfrozen_from.hpp"

#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/calibrate.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/classifier.hpp>

#include <utility>

namespace cxrnet::programs {

struct OnCpu {
  using Backend = Cpu;
};

/// The reference's network; VGG16's blocks from number `unfreeze_from` on train.
template <int unfreeze_from, class Preprocess, class Precision>
using ReferenceNet =
    Seq<VGG16Backbone<FreezeThrough<unfreeze_from - 1>, Preprocess, Precision>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

/// Calls `visit` with the network of that depth that has the variant's preprocessing.
template <int unfreeze_from, class Precision, class Visit>
auto with_net(const Variant& variant, Visit visit) {
  using Plain = Rescale<1, 255>;
  if (variant.preprocess == Plain::name) return visit.template operator()<ReferenceNet<unfreeze_from, Plain, Precision>>();
  if (variant.preprocess == ImageNetCaffe::name) {
    return visit.template operator()<ReferenceNet<unfreeze_from, ImageNetCaffe, Precision>>();
  }
  throw ArgumentError("There is no preprocessing '" + variant.preprocess + "': it is rescale or imagenet.");
}

template <int unfreeze_from, class Precision, class Device>
std::vector<float> UnfrozenFrom<unfreeze_from, Precision, Device>::initial_parameters(const Variant& variant, std::uint64_t seed) {
  return with_net<unfreeze_from, Precision>(variant, [&]<class Net>() { return cxrnet::initial_parameters<Net>(seed); });
}

template <int unfreeze_from, class Precision, class Device>
void UnfrozenFrom<unfreeze_from, Precision, Device>::calibrate(const Variant& variant, std::span<float> parameters,
                                                       std::span<const std::uint8_t> images) {
  if constexpr (Precision::precision == op::Precision::int8) {
    with_net<unfreeze_from, Precision>(variant, [&]<class Net>() { cxrnet::calibrate<Net, CompactCpu>(parameters, images); });
  }
}

template <int unfreeze_from, class Precision, class Device>
const Description& UnfrozenFrom<unfreeze_from, Precision, Device>::describe(const Variant& variant) {
  return *with_net<unfreeze_from, Precision>(variant, []<class Net>() { return &description_of<Net>; });
}

template <int unfreeze_from, class Precision, class Device>
std::unique_ptr<Classifier> UnfrozenFrom<unfreeze_from, Precision, Device>::make(const Variant& variant, std::vector<float> parameters,
                                                              int capacity, std::uint64_t seed,
                                                              const Adam& optimizer, Clip clip) {
  const auto make_as = [&]<class Net, class Augmentation>() -> std::unique_ptr<Classifier> {
    return std::make_unique<ClassifierOf<Net, typename Device::Backend, Augmentation>>(
        std::move(parameters), capacity, seed, optimizer, CategoricalCrossentropy{}, clip);
  };
  return with_net<unfreeze_from, Precision>(variant, [&]<class Net>() {
    return variant.augmenting == Augmenting::yes ? make_as.template operator()<Net, ReferenceAugment>()
                                                 : make_as.template operator()<Net, NoAugment>();
  });
}

}  // namespace cxrnet::programs
