// predict takes xtensor's tensors, once <cxrnet/xtensor.hpp> is included, and spans.
// EXPECT: predict
// EXPECT: no matching
#include <cxrnet/cxrnet.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
auto predict(const Model<Net, OneDnn>& model) { return model.predict("chest.png"); }
