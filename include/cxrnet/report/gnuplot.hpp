#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/report/text.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace cxrnet {

namespace detail {

using AnonymousFile = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

inline AnonymousFile anonymous_file() {
  AnonymousFile file(std::tmpfile(), &std::fclose);
  if (!file)
    throw FileError("cannot make a temporary file: " + std::generic_category().message(errno) +
                    "; free some space in the folder of temporary files");
  return file;
}

/// Runs a program found on the PATH with its three streams on open files; returns waitpid's status.
inline int run_child(std::array<const char*, 4> arguments, int in, int out, int error) {
  posix_spawn_file_actions_t actions;
  if (const int code = ::posix_spawn_file_actions_init(&actions); code != 0)
    throw FileError("cannot start gnuplot: " + std::generic_category().message(code) + "; free some memory");
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
  std::array<char*, 4> argv{};
  for (std::size_t i = 0; i < arguments.size(); ++i) argv[i] = const_cast<char*>(arguments[i]);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, arguments[0], &actions, nullptr, argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code == ENOENT)
    throw FileError("cannot draw plots: gnuplot is not on the PATH; install it (apt install gnuplot-nox)");
  if (code != 0)
    throw FileError("cannot start gnuplot: " + std::generic_category().message(code) +
                    "; check its installation (apt install gnuplot-nox)");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      throw FileError("cannot wait for gnuplot: " + std::generic_category().message(errno) + "; try again");
  return status;
}

/// The first line of `file` that names a fault (gnuplot echoes the line and a caret first), for an error message.
inline std::string complaint_in(std::FILE* file) {
  std::rewind(file);
  std::array<char, 512> line{};
  std::string last;
  while (std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
    std::string text(line.data());
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    text.erase(0, text.find_first_not_of(" \t"));
    if (text.starts_with("line ")) return printable(text);
    if (!text.empty() && text != "^") last = std::move(text);
  }
  return last.empty() ? "no reason given" : printable(last);
}

/// Whether `file` ends in `trailer`, line breaks after it aside.
inline bool ends_with(const std::filesystem::path& file, std::string_view trailer) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  const std::streamoff size = stream.tellg();
  const std::streamoff length = std::min(size, static_cast<std::streamoff>(trailer.size() + 8));
  if (length <= 0) return false;
  std::string end(static_cast<std::size_t>(length), '\0');
  stream.seekg(size - length);
  stream.read(end.data(), length);
  end.erase(end.find_last_not_of("\r\n") + 1);
  return stream.good() && end.ends_with(trailer);
}

}  // namespace detail

/// FileError unless gnuplot starts: for programs that draw when hours of work are done.
inline void require_gnuplot() {
  const detail::AnonymousFile nothing = detail::anonymous_file(), version = detail::anonymous_file();
  const int streams[] = {::fileno(nothing.get()), ::fileno(version.get())};
  const int status = detail::run_child({"gnuplot", "--version", nullptr, nullptr}, streams[0], streams[1], streams[1]);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw FileError("cannot draw plots: gnuplot does not start; check its installation (apt install gnuplot-nox)");
}

/// Runs gnuplot (no shell, no start-up files) on `script`, which must set its terminal and no output, and writes what
/// it draws to `file` whole or not at all. `trailer` is how a complete drawing ends: gnuplot itself does not notice a
/// full disk. Throws FileError where gnuplot is missing or fails, or the file cannot be written.
inline void run_gnuplot(std::string_view script, const std::filesystem::path& file, std::string_view trailer) {
  AtomicFile atomic(file);
  const detail::AnonymousFile input = detail::anonymous_file();
  const detail::AnonymousFile complaints = detail::anonymous_file();
  if (std::fwrite(script.data(), 1, script.size(), input.get()) != script.size() || std::fflush(input.get()) != 0)
    throw FileError("cannot write gnuplot's script: " + std::generic_category().message(errno) +
                    "; free some space in the folder of temporary files");
  std::rewind(input.get());
  detail::Descriptor output(::open(atomic.temporary().c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!output.is_open()) detail::throw_write_error(file, errno);
  const int status = detail::run_child({"gnuplot", "-d", "-", nullptr}, ::fileno(input.get()), output.get(),
                                       ::fileno(complaints.get()));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw FileError("cannot draw '" + file.string() + "': gnuplot failed (" +
                    detail::complaint_in(complaints.get()) + "); check its installation (apt install gnuplot-nox)");
  if (output.close() != 0) detail::throw_write_error(file, errno);
  if (!detail::ends_with(atomic.temporary(), trailer))
    throw FileError("cannot draw '" + file.string() + "': gnuplot's drawing is not complete; free some space or choose "
                    "another disk");
  atomic.commit();
}

}  // namespace cxrnet
