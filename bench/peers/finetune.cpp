// Our side of bench/peers/finetune.sh on the CPU.
#include "finetune.hpp"

#include <cxrnet/core/version.hpp>

int main(int argc, char** argv) {
  using namespace cxrnet;
  return peers::finetune<Cpu>("cxrnet " + std::string(version) + ", " + onednn::version(), argc, argv);
}
