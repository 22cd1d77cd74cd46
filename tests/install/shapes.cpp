// A program that only predicts includes no xtensor.
#include <cxrnet/predict.hpp>

#ifdef XTENSOR_VERSION_MAJOR
#error "<cxrnet/predict.hpp> includes xtensor"
#endif

using Net = cxrnet::Seq<cxrnet::Input<8, 8, 3>, cxrnet::Conv2D<16, 3, cxrnet::Relu>, cxrnet::GAP,
                        cxrnet::Dense<2, cxrnet::Softmax>>;

int main() {
  const cxrnet::Model<Net, cxrnet::Cpu> net(2);
  const std::vector<float> images(2 * 8 * 8 * 3, 100.0F);
  std::vector<float> probabilities(2 * 2);
  net.predict(std::span(images), std::span(probabilities));
  const float sum = probabilities[0] + probabilities[1];
  return sum > 0.999F && sum < 1.001F ? 0 : 1;
}
