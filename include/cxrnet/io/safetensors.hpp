#pragma once
#include <cxrnet/core/compiled.hpp>
#include <cxrnet/io/named_tensors.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace cxrnet {

/// Reads a safetensors file; F16, BF16 and F64 become float, PyTorch's counts of batches are passed over. Throws FormatError where anything in it is unsound: header
/// over 100 MB, tensors that overlap, leave gaps or lie outside the file, other types; FileError where it cannot be read.
[[nodiscard]] NamedTensors read_safetensors(const std::filesystem::path& path);
/// What stands before the tensors' values, in their order: the header's length and the header. Throws ArgumentError where
/// a name is twice there or values do not fill their dims.
[[nodiscard]] std::string safetensors_head(const NamedTensors& model);
/// The bytes of a safetensors file: F32, tensors and metadata in their order. Throws as `safetensors_head` does.
[[nodiscard]] std::vector<std::byte> safetensors_bytes(const NamedTensors& model);
/// Writes a safetensors file, whole or not at all. Throws FileError, and ArgumentError as `safetensors_bytes` does.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& model);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/safetensors.inl>
#endif
