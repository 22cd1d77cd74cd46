#pragma once
#include "variants/variants.hpp"

#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

#include <utility>

namespace cxrnet::programs {

/// The reference's network.
template <class Preprocess>
using ReferenceNet = Seq<VGG16Backbone<Frozen, Preprocess>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

template <class Preprocess, class Augmentation>
std::unique_ptr<Classifier> make(std::vector<float> parameters, int capacity, std::uint64_t seed) {
  return std::make_unique<ClassifierOf<ReferenceNet<Preprocess>, OneDnn, Augmentation>>(std::move(parameters), capacity,
                                                                                       seed);
}

}  // namespace cxrnet::programs
