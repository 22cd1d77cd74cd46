// The reference's network and its training as a program of dlib's: VGG16, global average pooling, 128 ReLU, 2 classes.
#include <dlib/dnn.h>
#include <iostream>
#include <vector>

namespace reference {

using namespace dlib;

template <int filters, class Below>
using Convolution = relu<con<filters, 3, 3, 1, 1, Below>>;
template <int filters, class Below>
using Block2 = max_pool<2, 2, 2, 2, Convolution<filters, Convolution<filters, Below>>>;
template <int filters, class Below>
using Block3 = max_pool<2, 2, 2, 2, Convolution<filters, Convolution<filters, Convolution<filters, Below>>>>;
template <class Below>
using VGG16 = Block3<512, Block3<512, Block3<256, Block2<128, Block2<64, Below>>>>>;
using Net = loss_multiclass_log<fc<2, relu<fc<128, avg_pool_everything<VGG16<input_rgb_image>>>>>>;

}  // namespace reference

int main() {
  reference::Net net;
  dlib::dnn_trainer<reference::Net, dlib::adam> trainer(net, dlib::adam(0, 0.9F, 0.999F));
  trainer.set_learning_rate(1e-3);
  const std::vector<dlib::matrix<dlib::rgb_pixel>> images(32, dlib::matrix<dlib::rgb_pixel>(224, 224));
  const std::vector<unsigned long> labels(images.size());
  for (int step = 0; step < 10; ++step) trainer.train_one_step(images, labels);
  std::cout << trainer.get_average_loss() << '\n';
  dlib::serialize("vgg16.dat") << trainer.get_net();
}
