#pragma once
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cxrnet/core/compiled.hpp>
#include <cxrnet/core/description.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/io/sealed_safetensors.hpp>
#include <cxrnet/train/training_state.hpp>

namespace cxrnet {

/// A run's checkpoints, in its folder: the newest, and the one before.
inline constexpr std::string_view checkpoint_file = "checkpoint.safetensors";
inline constexpr std::string_view previous_checkpoint_file = "checkpoint.previous.safetensors";

struct Checkpoint {
  TrainingState state;
  std::map<std::string, std::string> metadata;  ///< the writer's own: hashes of what the run reads, say
  std::string note;                             ///< why it is not the newest, in one line; else empty
};

/// SHA-256 of what a network's parameters are: their names, shapes, and which of them training changes.
[[nodiscard]] inline std::string network_signature(const Description& network) {
  std::string text;
  for (const ParameterInfo& info : network.parameters) {
    text += info.name.view();
    for (const int extent : info.parameter.dims) text += ' ' + std::to_string(extent);
    text += info.trains ? " trains\n" : info.averages ? " averages\n" : "\n";
  }
  return sha256_hex(std::as_bytes(std::span(text)));
}

namespace detail {

/// Reads one checkpoint file. Throws FileError, and FormatError where it is not sound.
Checkpoint read_checkpoint_file(const std::filesystem::path& file);

/// `write_checkpoint`, with a place before, between and after the changes on the disk where a test may end the process.
template <class Pause>
void replace_checkpoint(const std::filesystem::path& folder, std::span<const std::byte> bytes, Pause pause) {
  const std::filesystem::path newest = folder / checkpoint_file;
  const std::filesystem::path previous = folder / previous_checkpoint_file;
  AtomicFile fresh(newest);
  pause();
  fresh.write(bytes);
  pause();
  if (is_sealed_safetensors(newest)) {  // else the previous one stays: it may be the only sound one
    if (::rename(newest.c_str(), previous.c_str()) != 0) throw_write_error(previous, errno);
    pause();
  }
  fresh.commit();
  pause();
}

}  // namespace detail

/// The bytes of a checkpoint: a sealed safetensors file. `read_checkpoint` gives the metadata back; the names `checkpoint`
/// and `sha256` are taken, ArgumentError.
[[nodiscard]] std::vector<std::byte> checkpoint_bytes(const TrainingState& state,
                                                      std::map<std::string, std::string> metadata = {});

/// Writes a folder's newest checkpoint; the one that was it, if sound, becomes the previous one. A process killed at any
/// moment leaves at least one sound checkpoint where there was one. Throws FileError.
void write_checkpoint(const std::filesystem::path& folder, const TrainingState& state,
                      std::map<std::string, std::string> metadata = {});

/// The newest sound checkpoint of a folder, nothing where it holds none at all. Throws FormatError, with what is wrong
/// with each, where none of those it holds is sound.
[[nodiscard]] std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& folder);

}  // namespace cxrnet

#ifndef CXRNET_COMPILED
#include <cxrnet/io/checkpoint.inl>
#endif
