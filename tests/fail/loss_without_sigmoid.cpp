// Binary cross-entropy is of probabilities, each by itself.
// EXPECT: BinaryCrossentropy needs a network that ends in Sigmoid
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
void train(Model<Net, Reference<float>>& model) { Trainer<Net, Reference<float>, Adam, BinaryCrossentropy> trainer(model); }
