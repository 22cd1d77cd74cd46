// Binary cross-entropy is of probabilities, each by itself.
// EXPECT: BinaryCrossentropy needs a network that ends in Sigmoid
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
void train(Model<Net, OneDnn>& model) { Trainer<Net, OneDnn, Adam, BinaryCrossentropy> trainer(model); }
