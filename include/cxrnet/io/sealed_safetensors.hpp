#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/safetensors.hpp>

// A safetensors file that carries the SHA-256 of itself: the metadata `sha256` are the digest of the whole file as it is
// with 64 zeros in their place. Any reader of safetensors opens it; ours notices every changed byte.
namespace cxrnet {

namespace detail {

inline constexpr std::string_view seal_key = "\"sha256\":\"";
inline constexpr std::size_t seal_digits = 64;

/// Where the digest stands in a header, npos where it has none. Within JSON's strings these quotes would be escaped.
inline std::size_t find_seal(std::string_view header) {
  const std::size_t key = header.find(seal_key);
  const std::size_t digits = key + seal_key.size();
  return key == std::string_view::npos || header.size() - digits < seal_digits ? std::string_view::npos : digits;
}

/// Throws FormatError where the file carries no digest of itself, or another one than its content has.
inline void check_seal(const std::filesystem::path& path) {
  const InputFile file(path);
  const auto fail = [&](const std::string& why) { throw FormatError("'" + file.path() + "' is not sound: " + why); };
  std::uint64_t length = 0;
  if (file.size() < sizeof(length)) fail("it is cut short");
  file.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > std::min<std::uint64_t>(file.size() - sizeof(length), 100'000'000)) fail("it is cut short or damaged");
  std::string start(sizeof(length) + length, '\0');
  file.read(0, std::as_writable_bytes(std::span(start)));
  const std::size_t seal = find_seal(start);
  if (seal == std::string::npos) fail("it carries no SHA-256 of itself");
  const std::string recorded = start.substr(seal, seal_digits);
  start.replace(seal, seal_digits, seal_digits, '0');

  Sha256 hash;
  hash.update(std::as_bytes(std::span(start)));
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  for (std::uint64_t offset = start.size(); offset < file.size(); offset += buffer.size()) {
    const std::span piece(buffer.data(), std::min<std::uint64_t>(buffer.size(), file.size() - offset));
    file.read(offset, piece);
    hash.update(piece);
  }
  if (hash.finish() != recorded) fail("its content is not what its SHA-256 says");
}

}  // namespace detail

/// The bytes of a sealed safetensors file. Throws ArgumentError as `safetensors_bytes` does.
[[nodiscard]] inline std::vector<std::byte> sealed_safetensors_bytes(NamedTensors model) {
  model.metadata["sha256"] = std::string(detail::seal_digits, '0');
  std::vector<std::byte> bytes = safetensors_bytes(model);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t seal = detail::find_seal(text);
  const std::string digest = sha256_hex(bytes);
  std::copy_n(std::as_bytes(std::span(digest)).data(), digest.size(), bytes.data() + seal);
  return bytes;
}

/// Whether the file can be read, carries its digest, and is byte for byte what was sealed.
[[nodiscard]] inline bool is_sealed_safetensors(const std::filesystem::path& path) {
  try {
    detail::check_seal(path);
  } catch (const FileError&) {
    return false;
  }
  return true;
}

/// Reads a sealed safetensors file; the metadata lack the seal. Throws FormatError where it has none, or a byte of the
/// file is not what was sealed, and what `read_safetensors` throws.
[[nodiscard]] inline NamedTensors read_sealed_safetensors(const std::filesystem::path& path) {
  detail::check_seal(path);
  NamedTensors model = read_safetensors(path);
  model.metadata.erase("sha256");
  return model;
}

}  // namespace cxrnet
