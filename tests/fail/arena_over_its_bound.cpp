// The bytes of a network are constants, which a program can bound.
// EXPECT: eight images of VGG16 in 100 MB
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
static_assert(Model<Net, Reference<float>>::arena_bytes(8) < 100'000'000, "eight images of VGG16 in 100 MB");
