// Our side of bench/peers/finetune.sh on a GPU.
#include "finetune.hpp"
#include "gpu.hpp"

int main(int argc, char** argv) {
  using namespace cxrnet;
  using Backend = Cuda<Half>;
  if (!peers::has_gpu()) return peers::left_out;
  return peers::finetune<Backend>(peers::version_on_gpu<Backend>(), argc, argv);
}
