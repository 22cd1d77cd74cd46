// predict takes xtensor's tensors, once <cxrnet/xtensor.hpp> is included, and spans.
// EXPECT: predict
// EXPECT: no matching
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/xtensor.hpp>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
auto predict(const Model<Net, Reference<float>>& model) { return model.predict("chest.png"); }
