#include "variants/cuda/on_cuda.hpp"

template struct cxrnet::programs::UnfrozenFrom<5, cxrnet::Float32, cxrnet::programs::OnCuda>;
