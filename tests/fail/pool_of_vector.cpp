// What is pooled once is a vector, and cannot be pooled again.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<20>, cxrnet::Layer<cxrnet::GlobalAveragePool>
// EXPECT: cxrnet::Got<cxrnet::Vector<512>
// EXPECT: cxrnet::Expects<cxrnet::AnyImage>
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, GAP, Dense<2, Softmax>>;
Model<Net, OneDnn> model;
