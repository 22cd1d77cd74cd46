// An option of a convolution is none of a backbone's.
// EXPECT: VGG16Backbone takes one of Frozen and Trainable, and one of Rescale<n, d> and ImageNetCaffe
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Same, Frozen>, GAP, Dense<2, Softmax>>;
Model<Net, OneDnn> model;
