#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/io/keras_model.hpp>
#include <cxrnet/io/named_tensors.hpp>

#include <filesystem>

namespace cxrnet {

/// Reads the weights of a `.keras` file in the order of its layers, models within it flattened. Of the archive only
/// config.json and model.weights.h5 are looked at, in memory and in a child process. Throws FileError or FormatError.
[[nodiscard]] NamedTensors read_keras(const std::filesystem::path& path);

/// Writes a `.keras` file as Keras 3's `model.save` does, whole or not at all: `keras.models.load_model` opens it. The
/// rest as `write_keras_h5`.
void write_keras(const std::filesystem::path& path, const KerasModel& given, const NamedTensors& weights);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/keras_archive.inl>
#include <cxrnet/io/keras_archive_writer.inl>
#endif
