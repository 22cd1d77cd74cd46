#include "variants/cuda/on_cuda.hpp"

template struct cxrnet::programs::UnfrozenFrom<6, cxrnet::Float32, cxrnet::programs::OnCuda>;
