// A dense layer takes a vector: pool or flatten a feature map first.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<19>, cxrnet::Layer<cxrnet::Dense<128, cxrnet::Relu>
// EXPECT: cxrnet::Got<cxrnet::Shape<7, 7, 512>
// EXPECT: cxrnet::Expects<cxrnet::AnyVector>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, Dense<128, Relu>, Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
