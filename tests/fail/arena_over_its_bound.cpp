// The bytes of a network are constants, which a program can bound.
// EXPECT: eight images of VGG16 in 100 MB
#include <cxrnet/predict.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
static_assert(Model<Net, OneDnn>::arena_bytes(8) < 100'000'000, "eight images of VGG16 in 100 MB");
