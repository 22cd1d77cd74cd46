// A softmax takes a vector.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<2>, cxrnet::Layer<cxrnet::Softmax>
// EXPECT: cxrnet::Got<cxrnet::Shape<6, 6, 4>
// EXPECT: cxrnet::Expects<cxrnet::AnyVector>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Conv2D<4, 3>, Softmax>;
Model<Net, Reference<float>> model;
