#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_h5.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/io/torch_state.hpp>

namespace cxrnet {

/// Whether a file that starts so is an ONNX model: a version of its format and another field of one byte's tag.
[[nodiscard]] inline bool is_onnx(std::string_view start) {
  constexpr std::string_view tags = "\x12\x1A\x22\x28\x32\x3A\x42\x72";
  return start.size() > 2 && start[0] == 8 && start[1] > 0 && start[1] < 32 && tags.find(start[2]) != tags.npos;
}

/// Reads the weights of a safetensors, .keras or Keras HDF5 file, told apart by content, in Keras's layouts (of PyTorch's
/// state_dict() too) and every value finite. Throws FileError or FormatError.
[[nodiscard]] inline NamedTensors read_weights(const std::filesystem::path& path) {
  using namespace std::string_view_literals;
  const InputFile file(path);
  std::array<char, 9> head{};
  file.read(0, std::as_writable_bytes(std::span(head)).first(std::min<std::uint64_t>(head.size(), file.size())));
  const std::string_view start(head.data(), head.size());
  const auto fail = [&](const std::string& why) { throw FormatError("'" + file.path() + "' " + why); };
  if (file.size() == 0) fail("is empty; fetch or save it again");
  const bool archive = start.starts_with("PK\3\4"sv);
  const bool hdf5 = start.starts_with("\x89HDF\r\n\x1A\n"sv);
  if (is_onnx(start)) fail("is an ONNX file: read it with read_onnx of <cxrnet/io/onnx.hpp>, or convert it first");
  if (!archive && !hdf5 && start[8] != '{') fail("is no safetensors, .keras or HDF5 file; give one of these");
  NamedTensors model = archive ? read_keras(path) : hdf5 ? read_keras_h5(path) : read_safetensors(path);
  if (is_torch_state(model)) model = from_torch_state(model);
  require_finite(model, file.path());
  return model;
}

}  // namespace cxrnet
