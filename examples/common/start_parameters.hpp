#pragma once
#include "common/settings.hpp"

#include <cxrnet/data/dataset.hpp>

#include <vector>

namespace cxrnet::programs {

/// Random parameters for the settings' seed, the backbone's from the weight file, which may have another head or none.
std::vector<float> start_parameters(const TrainSettings& settings, const ImageDataset& images);

}  // namespace cxrnet::programs
