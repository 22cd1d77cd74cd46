// A dropout that keeps nothing.
// EXPECT: Dropout<Rate> needs a rate from 0 to below 1
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/input.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Dropout<1.0>>;
static_assert(Traits<Net>::layer_count == 2);
