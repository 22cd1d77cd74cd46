#include <cxrnet/cxrnet.hpp>

#include <iostream>

using namespace cxrnet;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
static_assert(Model<Net, Cpu>::arena_bytes(1) < 32 << 20);  // activations of one image: below 32 MiB, or no build

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw ArgumentError("usage: classify MODEL IMAGE...");
    const auto net = load<Net>(argv[1]);  // .safetensors, or Keras's .h5
    for (int i = 2; i < argc; ++i) {
      const xt::xtensor<float, 2> p = net->predict(read_image_tensor(argv[i]));
      std::cout << argv[i] << ": " << p(0, 0) << " " << p(0, 1) << '\n';
    }
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
