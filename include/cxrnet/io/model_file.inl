// What model_file.hpp declares.
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
#include <cxrnet/io/model_file.hpp>
#include <cxrnet/io/safetensors.hpp>
#include <cxrnet/io/torch_state.hpp>

namespace cxrnet {

CXRNET_INLINE NamedTensors read_weights(const std::filesystem::path& path) {
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
