// Where the branch changes the shape, the shortcut must change it likewise.
// EXPECT: this layer does not take the shape that comes before it
// EXPECT: cxrnet::Layer<cxrnet::detail::Merge>
// EXPECT: cxrnet::Got<cxrnet::Shape<4, 4, 6>
// EXPECT: cxrnet::Expects<cxrnet::Shape<8, 8, 6>
#include <cxrnet/core/sequence.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>

using namespace cxrnet;
using Net = Seq<Input<8, 8, 3>, Residual<Shortcut<Conv2D<6, 1>>, Conv2D<6, 3, Same, Stride<2>>>>;
static_assert(Traits<Net>::layer_count > 0);
