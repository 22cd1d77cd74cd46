// A pool must fit into what it slides over.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<3>, cxrnet::Layer<cxrnet::MaxPool<
// EXPECT: cxrnet::Got<cxrnet::Shape<1, 2, 3>
// EXPECT: cxrnet::Expects<cxrnet::ImageOfAtLeast<2, 2>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>

using namespace cxrnet;
using Net = Seq<Input<4, 8, 3>, Seq<MaxPool<>, MaxPool<>>, MaxPool<2>>;
Model<Net, Reference<float>> model;
