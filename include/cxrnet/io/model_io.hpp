#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/io/keras_model.hpp>
#include <cxrnet/io/model_file.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// The dims of a parameter as files have them.
std::vector<std::size_t> dims_of(const Parameter& parameter);

enum class Scales { keep, leave_out };

/// A network's parameters under their names, in layer order, with what is to be known of them.
NamedTensors name_parameters(const Description& network, std::span<const float> parameters,
                             std::map<std::string, std::string> metadata = {}, Scales scales = Scales::keep);

enum class Which { all, backbone };

/// Takes all parameters, or those of the group "backbone", whether they train or not (VGG16Backbone's out of ImageNet's
/// weights, say), out of a file's tensors into `parameters`; returns what the file calls them, in the network's order.
/// Scales of activations that the file does not have stay as they are. FormatError where they do not fit.
std::vector<std::string> take_parameters(const Description& network, const NamedTensors& file,
                                         const std::string& name, Which which, std::span<float> parameters);

/// The network as Keras's layers. FormatError where it has what Keras has not.
KerasModel keras_model_of(const Description& network);

/// Writes safetensors (".safetensors"), or what `model.save` of Keras does (".keras", ".h5", ".hdf5"), whole or not at
/// all. The network's preprocessing is recorded as "preprocess", whatever the metadata say of it, and its precision as
/// "precision" where it is not float32: in safetensors alone, for Keras gets the same network in floats.
void save_model(const std::filesystem::path& file, const Description& network, std::span<const float> parameters,
                std::map<std::string, std::string> metadata = {});

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/model_io.inl>
#endif
