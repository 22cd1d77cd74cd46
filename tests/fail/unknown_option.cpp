// A backbone knows its options.
// EXPECT: VGG backbones take one of Frozen, FreezeThrough<n> and Trainable, and one of Rescale<n, d>, ImageNetCaffe and ImageNetTorch, and one of Float32, Int8 and Bf16
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen, WithTop>, GAP, Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
