#pragma once
// Networks that predict on the CPU, and their model files: all that an embedded classifier needs, without xtensor.
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/load.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/resnet.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/models/vgg19.hpp>

namespace cxrnet {

/// A trained network out of a model file, on the CPU. It runs `capacity` images at once, and its memory grows with that:
/// 1 for single images, 8 and more for many.
template <class Net>
std::unique_ptr<Model<Net, Cpu>> load(const std::filesystem::path& file, int capacity = 1) {
  return load_as<Net, Cpu>(file, capacity);
}

}  // namespace cxrnet
