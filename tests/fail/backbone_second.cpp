// A backbone brings its own input: none may come before it.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Input<224, 224, 3
// EXPECT: cxrnet::Got<cxrnet::Shape<224, 224, 3>
// EXPECT: cxrnet::Expects<cxrnet::Nothing>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<Input<224, 224, 3>, VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
