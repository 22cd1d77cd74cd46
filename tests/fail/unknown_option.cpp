// A backbone knows its options.
// EXPECT: VGG backbones take one of Frozen, FreezeThrough<n> and Trainable, and one of Rescale<n, d>, ImageNetCaffe and ImageNetTorch, and one of Float32, Int8 and Bf16
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen, WithTop>, GAP, Dense<2, Softmax>>;
Model<Net, OneDnn> model;
