#pragma once
#include <cxrnet/models/vgg.hpp>

namespace cxrnet {

namespace vgg {
using E = Configuration<2, 2, 4, 4, 4>;
}

/// VGG19's convolutions and pools without its top: 224 x 224 x 3 images in, 7 x 7 x 512 out. Options as
/// VGG16Backbone's.
template <class... Options>
struct VGG19Backbone {
  using expansion = vgg::Backbone<vgg::E, Options...>;
};

/// The whole VGG19: with its top of three dense layers and 1000 ImageNet classes.
template <class Top, class... Options>
struct VGG19;
template <class... Options>
struct VGG19<WithTop, Options...> {
  using expansion = vgg::Whole<vgg::E, Options...>;
};

}  // namespace cxrnet
