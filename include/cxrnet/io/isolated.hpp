#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/safetensors.hpp>

namespace cxrnet::detail {

/// How a child ended: with a result, or with a message that the parent throws.
enum class ChildStatus : int { done = 0, format_error = 10, file_error = 11, argument_error = 12 };

/// Runs `body`, which returns bytes, in a child process, with `shared` for its result: true where it came to an end and
/// its bytes lie in `shared`, false where it crashed, hung (60 s of processor time, 300 s in all) or was killed. Its
/// exceptions arrive as FormatError, FileError or ArgumentError, others as FormatError after `refusal`. `failure` begins
/// the sentence where no child can be had. Linux; safe while other threads run, if `body` needs no lock that one of them
/// may hold.
template <class Body>
[[nodiscard]] bool run_isolated(const Descriptor& shared, const std::string& failure, const std::string& refusal, Body body) {
  const auto fail = [&](const std::string& why) { throw FileError(failure + ": " + why); };
  const pid_t child = shared.is_open() ? ::fork() : -1;
  if (child < 0) fail("no process can be started for it (" + std::generic_category().message(errno) + "); try again");
  if (child == 0) {
    // Neither outlive the parent nor hold what it has open: a lock would stay while this process does.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto kept = static_cast<unsigned>(shared.get());
    if (kept > 3) ::close_range(3, kept - 1, 0);
    ::close_range(std::max(kept + 1, 3U), ~0U, 0);
    const rlimit no_core{0, 0}, seconds{60, 60};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setrlimit(RLIMIT_CPU, &seconds);
    ::signal(SIGALRM, SIG_DFL);
    ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its writer, EFBIG
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
      finish(ChildStatus::done, body());
    } catch (const FormatError& error) {
      finish_with(ChildStatus::format_error, error.what());
    } catch (const FileError& error) {
      finish_with(ChildStatus::file_error, error.what());
    } catch (const ArgumentError& error) {
      finish_with(ChildStatus::argument_error, error.what());
    } catch (const std::exception& error) {
      finish_with(ChildStatus::format_error, refusal + ": " + error.what());
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("its process is lost (" + std::generic_category().message(errno) + "); try again");
  }
  const auto message = [&] {
    const InputFile file("/proc/self/fd/" + std::to_string(shared.get()));
    return file.text();
  };
  switch (static_cast<ChildStatus>(WIFEXITED(status) ? WEXITSTATUS(status) : -1)) {
    case ChildStatus::done: return true;
    case ChildStatus::format_error: throw FormatError(message());
    case ChildStatus::file_error: throw FileError(message());
    case ChildStatus::argument_error: throw ArgumentError(message());
  }
  return false;
}

/// What `read` on `path` returns, read in a child process: where a parser in it crashes, hangs or overwrites its memory,
/// this process goes on and throws FormatError. See `run_isolated`.
template <class Read>
[[nodiscard]] NamedTensors read_isolated(const std::filesystem::path& path, Read read) {
  const std::string name = "'" + path.string() + "'";
  const Descriptor shared(::memfd_create("cxrnet-tensors", MFD_CLOEXEC));
  if (!run_isolated(shared, "cannot read " + name, name + " cannot be used as a weight file",
                    [&] { return safetensors_bytes(read()); })) {
    throw FormatError(name + " is damaged: it makes its parser crash or hang; fetch or save it again");
  }
  return read_safetensors("/proc/self/fd/" + std::to_string(shared.get()));
}

/// Runs `write(temporary)` in a child process, which writes the file `temporary`, and then gives that file the name
/// `path`: whole or not at all, also where a library in `write` crashes at a full disk or at its own exit. FileErrors
/// become "cannot write '<path>': <what write says>". See `run_isolated`.
template <class Write>
void write_isolated(const std::filesystem::path& path, Write write) {
  const std::string failure = "cannot write '" + path.string() + "'";
  AtomicFile atomic(path);
  const Descriptor shared(::memfd_create("cxrnet-message", MFD_CLOEXEC));
  if (!run_isolated(shared, failure, failure, [&] {
        try {
          write(atomic.temporary());
        } catch (const FileError& error) {
          throw FileError(failure + ": " + error.what());
        }
        return std::vector<std::byte>{};
      })) {
    throw FileError(failure + ": its writer crashed or hung; is the disk full?");
  }
  atomic.commit();
}

}  // namespace cxrnet::detail
