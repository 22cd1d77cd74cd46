#include "variants/instance.hpp"

template std::unique_ptr<cxrnet::Classifier> cxrnet::programs::make<cxrnet::Rescale<1, 255>, cxrnet::NoAugment>(
    std::vector<float>, int, std::uint64_t);
