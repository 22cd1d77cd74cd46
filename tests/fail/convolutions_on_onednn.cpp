// This backend cannot train convolutions yet, and says which.
// EXPECT: this backend cannot train this layer yet: freeze it, or use Reference
// EXPECT: not_trainable<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Conv2D<8, 3, cxrnet::Relu>
// EXPECT: cxrnet::BasicOneDnn<
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Conv2D<8, 3, Relu>, GAP, Dense<2, Softmax>>;
void train(Model<Net, OneDnn>& model) { Trainer<Net, OneDnn> trainer(model); }
