// BGR takes three channels.
// EXPECT: this preprocessing reads a channel that the input does not have
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 1, ImageNetCaffe>>;
static_assert(Traits<Net>::layer_count == 1);
