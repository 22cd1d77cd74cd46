// A backend may lack an operation's backward: the error names the layer and the backend.
// EXPECT: this backend cannot train this layer yet: freeze it, or use Reference
// EXPECT: not_trainable<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Conv2D<8, 3, cxrnet::Relu>
// EXPECT: ForwardOnly
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
struct ForwardOnly : OneDnn {
  static constexpr bool trains(const op::Operation& o) { return o.kind != op::Kind::convolution; }
};
using Net = Seq<Input<8, 8, 3>, Conv2D<8, 3, Relu>, GAP, Dense<2, Softmax>>;
void train(Model<Net, ForwardOnly>& model) { Trainer<Net, ForwardOnly> trainer(model); }
