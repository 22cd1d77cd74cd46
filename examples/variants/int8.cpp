#include "variants/instance.hpp"

template struct cxrnet::programs::UnfrozenFrom<6, cxrnet::Int8>;
