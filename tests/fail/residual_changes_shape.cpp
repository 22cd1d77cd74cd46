// What a residual block adds to its input must have its shape.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<3>, cxrnet::Layer<cxrnet::detail::Merge>
// EXPECT: cxrnet::Got<cxrnet::Shape<8, 8, 4>
// EXPECT: cxrnet::Expects<cxrnet::Shape<8, 8, 3>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Residual<Conv2D<4, 3, Same>>>;
Model<Net, Reference<float>> model;
