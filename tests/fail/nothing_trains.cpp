// A trainer has something to train.
// EXPECT: nothing in this network trains
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Freeze<Dense<2, Softmax>>>;
void train(Model<Net, OneDnn>& model) { Trainer<Net, OneDnn> trainer(model); }
