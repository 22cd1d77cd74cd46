// An input comes first or not at all.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Input<4, 4, 3
// EXPECT: cxrnet::Got<cxrnet::Shape<8, 8, 3>
// EXPECT: cxrnet::Expects<cxrnet::Nothing>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Input<4, 4, 3>>;
Model<Net, Reference<float>> model;
