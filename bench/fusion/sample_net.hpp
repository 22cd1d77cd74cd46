// A stack for bench/fusion/run.sh --net: a network's stem and two of its blocks. Copy it, and put your layers in.
#include <cxrnet/predict.hpp>

using namespace cxrnet;

using Net = Seq<Input<64, 64, 3>,
                Conv2D<32, 3, Same, Relu>,                     // an image's three channels: oneDNN's convolution
                Conv2D<32, 3, Same, Relu>, MaxPool<2>,         // all in one pass where it is Winograd's
                Residual<Conv2D<32, 3, Same, Relu>, Conv2D<32, 3, Same>>, Relu>;  // what follows a sum stays alone
