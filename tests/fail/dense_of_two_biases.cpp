// One option of a kind.
// EXPECT: Dense takes at most one activation, and NoBias
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Flatten, Dense<4, NoBias, WithBias>>;
static_assert(Traits<Net>::layer_count == 3);
