// LAYERS convolutions, of as many widths (DISTINCT) or of one: a forward, or training as well (TRAINS).
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#if TRAINS
#include <cxrnet/train/trainer.hpp>
#endif

#include <utility>
#include <vector>

using namespace cxrnet;

template <class Numbers>
struct Stack;
template <int... number>
struct Stack<std::integer_sequence<int, number...>> {
  using type = Seq<Input<64, 64, 3>, Conv2D<16 + (DISTINCT ? number : 0), 3, Same, Relu>..., GAP, Dense<2, Softmax>>;
};
using Net = Stack<std::make_integer_sequence<int, LAYERS>>::type;

int main() {
  Model<Net, Cpu> net(8);
  const std::vector<float> images(std::size_t{8} * 64 * 64 * 3);
#if TRAINS
  Trainer<Net, Cpu> trainer(net);
  const std::vector<int> labels(8);
  trainer.step(images, std::span<const int>(labels));
#endif
  std::vector<float> probabilities(16);
  net.predict(std::span<const float>(images), std::span<float>(probabilities));
  return probabilities.front() > 0 ? 0 : 1;
}
