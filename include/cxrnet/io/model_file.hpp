#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/io/named_tensors.hpp>

#include <filesystem>
#include <string_view>

namespace cxrnet {

/// Whether a file that starts so is an ONNX model: a version of its format and another field of one byte's tag.
[[nodiscard]] inline bool is_onnx(std::string_view start) {
  constexpr std::string_view tags = "\x12\x1A\x22\x28\x32\x3A\x42\x72";
  return start.size() > 2 && start[0] == 8 && start[1] > 0 && start[1] < 32 && tags.find(start[2]) != tags.npos;
}

/// Reads the weights of a safetensors, .keras or Keras HDF5 file, told apart by content, in Keras's layouts (of PyTorch's
/// state_dict() too) and every value finite. Throws FileError or FormatError.
[[nodiscard]] NamedTensors read_weights(const std::filesystem::path& path);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/model_file.inl>
#endif
