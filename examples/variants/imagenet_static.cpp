#include "variants/instance.hpp"

template std::unique_ptr<cxrnet::Classifier> cxrnet::programs::make<cxrnet::ImageNetCaffe, cxrnet::NoAugment>(
    std::vector<float>, int, std::uint64_t);
