// What a network lists are layers.
// EXPECT: this type is not a layer: see LayerContract in core/layer.hpp
// EXPECT: not_a_layer<cxrnet::LayerIndex<1>, cxrnet::Layer<int>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, int>;
Model<Net, Reference<float>> model;
