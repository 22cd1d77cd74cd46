#include "variants/variants.hpp"

#include <cxrnet/backend/cuda/nvjpeg.hpp>

namespace cxrnet::programs {

const ImageDecoder& gpu_decoder() {
  static const auto* const decoder = new cuda::GpuDecoder;  // never closed: CUDA itself ends before static objects do
  return *decoder;
}

}  // namespace cxrnet::programs
