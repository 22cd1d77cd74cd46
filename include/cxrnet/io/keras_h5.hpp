#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/io/named_tensors.hpp>

#include <filesystem>

namespace cxrnet {

/// Reads the weights of a Keras HDF5 file as "<layer>.kernel", "<layer>.bias" in the order of the layers: the official
/// weight files, `model.save` of Keras 2 and 3 (nested models flattened), and Keras 3's `.weights.h5`. Metadata is what
/// cxrnet wrote, empty in a foreign file. Throws FormatError where it is damaged or refers to other files. HDF5 runs in a
/// child process, because crafted and damaged files make it crash.
[[nodiscard]] NamedTensors read_keras_h5(const std::filesystem::path& path);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/keras_h5.inl>
#endif
