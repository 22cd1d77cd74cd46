// A residual backbone brings no preprocessing of its own: its input layer has it.
// EXPECT: ResNetBackbone takes one of Frozen, FreezeThrough<n> and Trainable
#include <cxrnet/models/resnet.hpp>

using namespace cxrnet;
using Net = Seq<ResNetBackbone<1, 4, Input<8, 8, 3>, Rescale<1, 255>>>;
static_assert(Traits<Net>::layer_count > 0);
