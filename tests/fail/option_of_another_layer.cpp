// An option of a convolution is none of a backbone's.
// EXPECT: VGG backbones take one of Frozen, FreezeThrough<n> and Trainable, and one of Rescale<n, d>, ImageNetCaffe and ImageNetTorch
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Same, Frozen>, GAP, Dense<2, Softmax>>;
Model<Net, Reference<float>> model;
