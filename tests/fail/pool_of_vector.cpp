// What is pooled once is a vector, and cannot be pooled again.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: shape_error<cxrnet::LayerIndex<20>, cxrnet::Layer<cxrnet::GlobalAveragePool>
// EXPECT: cxrnet::Got<cxrnet::Vector<512>
// EXPECT: cxrnet::Expects<cxrnet::AnyImage>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, GAP, Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
