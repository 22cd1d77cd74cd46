// A trained model out of a file, and its answer.
#include <cxrnet/predict.hpp>

#include <cstdint>
#include <iostream>
#include <vector>

using namespace cxrnet;

int main(int, char** argv) {
  using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  const auto net = load<Net>(argv[1]);
  const std::vector<std::uint8_t> image(Traits<Net>::input.size());
  std::vector<float> probabilities(2);
  net->predict(std::span<const std::uint8_t>(image), std::span<float>(probabilities));
  std::cout << probabilities.front() << '\n';
}
