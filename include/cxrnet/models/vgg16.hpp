#pragma once
#include <cxrnet/models/vgg.hpp>

namespace cxrnet {

namespace vgg {
using D = Configuration<2, 2, 3, 3, 3>;
}

/// VGG16's convolutions and pools without its top: 224 x 224 x 3 images in, 7 x 7 x 512 out. Options in any order:
/// Frozen, FreezeThrough<n> or Trainable (the default), and the preprocessing: Rescale<1, 255> (the default, the
/// reference's), ImageNetCaffe (what Keras's ImageNet weights were trained with) or ImageNetTorch (torchvision's).
template <class... Options>
struct VGG16Backbone {
  using expansion = vgg::Backbone<vgg::D, Options...>;
};

/// The whole VGG16: with its top of three dense layers and 1000 ImageNet classes, which the reference replaces.
template <class Top, class... Options>
struct VGG16;
template <class... Options>
struct VGG16<WithTop, Options...> {
  using expansion = vgg::Whole<vgg::D, Options...>;
};

}  // namespace cxrnet
