// One activation a layer.
// EXPECT: Conv2D takes at most one activation, one of Same and Valid, one Stride<n>, and NoBias
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Conv2D<4, 3, Relu, Linear>>;
static_assert(Traits<Net>::layer_count == 2);
