// A moving average that never moves.
// EXPECT: BatchNorm needs a momentum from 0 to below 1
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, BatchNorm<1.0>>;
static_assert(Traits<Net>::layer_count == 2);
