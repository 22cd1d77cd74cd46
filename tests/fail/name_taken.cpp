// Files tell layers apart by their names: "dense" is what an unnamed Dense is called.
// EXPECT: this layer's name is taken by a layer before it, or too long
// EXPECT: name_error<cxrnet::LayerIndex<2>, cxrnet::Layer<cxrnet::Dense<3
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
static_assert(Traits<Seq<Input<1, 1, 4>, Named<"dense", Flatten>, Dense<3>>>::parameter_count > 0);
