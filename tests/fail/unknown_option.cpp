// A backbone knows its options.
// EXPECT: VGG16Backbone takes one of Frozen and Trainable, and one of Rescale<n, d> and ImageNetCaffe
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen, WithTop>, GAP, Dense<2, Softmax>>;
Model<Net, OneDnn> model;
