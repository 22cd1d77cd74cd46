// Bytes hold no negative numbers: in Int8 a convolution has a ReLU.
// EXPECT: this backend cannot run this layer in the precision asked for
// EXPECT: not_in_precision<cxrnet::LayerIndex<1>, cxrnet::Layer<cxrnet::Conv2D<16, 3, cxrnet::Same>
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<WithPrecision<Int8, Input<8, 8, 3>, Freeze<Conv2D<16, 3, Same>>>, GAP, Dense<2, Softmax>>;
Model<Net, Cpu> model;
