// Categorical cross-entropy is of probabilities.
// EXPECT: CategoricalCrossentropy needs a network that ends in Softmax
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<2>>;
void train(Model<Net, OneDnn>& model) { Trainer<Net, OneDnn> trainer(model); }
