#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/safetensors.hpp>

namespace cxrnet::detail {

/// How a child ended: with tensors, or with a message that the parent throws.
enum class ChildStatus : int { tensors = 0, format_error = 10, file_error = 11 };

/// Runs `read` on `path` in a child process and returns its tensors: where a parser in it crashes, hangs (60 s of
/// processor time, 300 s in all) or overwrites its memory, this process goes on and throws FormatError. Its exceptions arrive as
/// FormatError or FileError. Linux; safe while other threads run, if `read` needs no lock that one of them may hold.
template <class Read>
[[nodiscard]] NamedTensors read_isolated(const std::filesystem::path& path, Read read) {
  const auto fail = [&](const std::string& why) { throw FileError("cannot read '" + path.string() + "': " + why); };
  const Descriptor shared(::memfd_create("cxrnet-tensors", MFD_CLOEXEC));
  const pid_t child = shared.is_open() ? ::fork() : -1;
  if (child < 0) fail("no process can be started for it (" + std::generic_category().message(errno) + "); try again");
  if (child == 0) {
    const rlimit no_core{0, 0}, seconds{60, 60};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setrlimit(RLIMIT_CPU, &seconds);
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(300);
    const auto finish = [&](ChildStatus status, std::span<const std::byte> bytes) {
      while (!bytes.empty()) {
        const ssize_t written = ::write(shared.get(), bytes.data(), bytes.size());
        if (written <= 0 && errno != EINTR) ::_exit(1);
        if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
      }
      ::_exit(static_cast<int>(status));
    };
    const auto finish_with = [&](ChildStatus status, std::string_view text) {
      finish(status, std::as_bytes(std::span(text.data(), text.size())));
    };
    try {
      finish(ChildStatus::tensors, safetensors_bytes(read()));
    } catch (const FormatError& error) {
      finish_with(ChildStatus::format_error, error.what());
    } catch (const FileError& error) {
      finish_with(ChildStatus::file_error, error.what());
    } catch (const std::exception& error) {
      finish_with(ChildStatus::format_error, "'" + path.string() + "' cannot be used as a weight file: " + error.what());
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("its process is lost (" + std::generic_category().message(errno) + "); try again");
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const std::filesystem::path result = "/proc/self/fd/" + std::to_string(shared.get());
  if (code == static_cast<int>(ChildStatus::tensors)) return read_safetensors(result);
  if (code == static_cast<int>(ChildStatus::format_error) || code == static_cast<int>(ChildStatus::file_error)) {
    const InputFile file(result);
    std::string message(file.size(), '\0');
    file.read(0, std::as_writable_bytes(std::span(message)));
    if (code == static_cast<int>(ChildStatus::file_error)) throw FileError(message);
    throw FormatError(message);
  }
  throw FormatError("'" + path.string() + "' is damaged: it makes its parser crash or hang; fetch or save it again");
}

}  // namespace cxrnet::detail
