// VGG16's forward and nothing else.
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/models/vgg16.hpp>

#include <cstdint>
#include <vector>

using namespace cxrnet;

int main() {
  using Net = Seq<VGG16Backbone<Frozen>>;
  const Model<Net, Cpu> net(1);
  const std::vector<std::uint8_t> image(Traits<Net>::input.size());
  std::vector<float> features(Traits<Net>::output.size());
  net.predict(std::span<const std::uint8_t>(image), std::span<float>(features));
  return features.front() > 0 ? 0 : 1;
}
