// What is in Int8 does not train: here VGG16's fifth block.
// EXPECT: what trains computes in Float32, and Int8 starts with the network's first layer
// EXPECT: precision_error<cxrnet::LayerIndex<15>, cxrnet::Layer<cxrnet::Conv2D<512, 3, cxrnet::Same, cxrnet::Relu>
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<FreezeThrough<4>, Int8>, GAP, Dense<2, Softmax>>;
static_assert(Traits<Net>::cut > 0);
