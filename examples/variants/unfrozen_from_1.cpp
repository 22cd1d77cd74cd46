#include "variants/instance.hpp"

template struct cxrnet::programs::UnfrozenFrom<1>;
