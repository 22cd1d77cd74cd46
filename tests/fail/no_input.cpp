// The first layer says what the network takes.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<0>, cxrnet::Layer<cxrnet::Dense<2, cxrnet::Softmax>
// EXPECT: cxrnet::Got<cxrnet::Nothing>
// EXPECT: cxrnet::Expects<cxrnet::AnyVector>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>

using namespace cxrnet;
using Net = Seq<Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
