// A backend may lack an operation's backward: the error names the layer and the backend.
// EXPECT: this backend cannot train this layer yet: freeze it, or use Reference
// EXPECT: not_trainable<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Conv2D<8, 3, cxrnet::Relu>
// EXPECT: ForwardOnly
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
struct ForwardOnly : Reference<float> {
  static constexpr bool trains(const op::Operation& o) { return o.kind != op::Kind::convolution; }
};
using Net = Seq<Input<8, 8, 3>, Conv2D<8, 3, Relu>, GAP, Dense<2, Softmax>>;
void train(Model<Net, ForwardOnly>& model) { Trainer<Net, ForwardOnly> trainer(model); }
