// Without padding a window must fit into what it slides over.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Conv2D<4, 5
// EXPECT: cxrnet::Got<cxrnet::Shape<4, 9, 3>
// EXPECT: cxrnet::Expects<cxrnet::ImageOfAtLeast<5, 5>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<4, 9, 3>, Conv2D<4, 5>>;
Model<Net, Reference<float>> model;
