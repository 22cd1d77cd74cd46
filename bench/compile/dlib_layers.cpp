// LAYERS convolutions in dlib, of as many widths (DISTINCT) or of one: a forward, or training as well (TRAINS).
#include <dlib/dnn.h>
#include <vector>

namespace layers {

using namespace dlib;

template <int count>
struct Stack {
  using type = relu<con<16 + (DISTINCT ? count : 0), 3, 3, 1, 1, typename Stack<count - 1>::type>>;
};
template <>
struct Stack<0> {
  using type = input_rgb_image;
};
using Net = loss_multiclass_log<fc<2, avg_pool_everything<Stack<LAYERS>::type>>>;

}  // namespace layers

int main() {
  layers::Net net;
  const std::vector<dlib::matrix<dlib::rgb_pixel>> images(8, dlib::matrix<dlib::rgb_pixel>(64, 64));
#if TRAINS
  dlib::dnn_trainer<layers::Net, dlib::adam> trainer(net, dlib::adam(0, 0.9F, 0.999F));
  const std::vector<unsigned long> labels(images.size());
  trainer.train_one_step(images, labels);
  trainer.get_net();
#endif
  return static_cast<int>(net(images).front());
}
