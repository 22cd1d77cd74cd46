#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/io/keras_model.hpp>
#include <cxrnet/io/named_tensors.hpp>

#include <filesystem>

namespace cxrnet {

/// Writes an .h5 as Keras 3's `model.save` does, whole or not at all: `keras.models.load_model` opens it. `weights` holds
/// "<layer>.kernel", "<layer>.bias", "<layer>.gamma", ... of each layer; its metadata go into an attribute that Keras
/// ignores. Keras's model takes prepared images, as the reference's does. Throws ArgumentError where layers and weights
/// disagree, FileError where the file cannot be written. Written in a child process: see `detail::write_isolated`.
void write_keras_h5(const std::filesystem::path& path, const KerasModel& given, const NamedTensors& weights);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/keras_h5_writer.inl>
#endif
