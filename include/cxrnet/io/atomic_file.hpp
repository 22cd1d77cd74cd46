#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <cxrnet/core/error.hpp>

namespace cxrnet {

namespace detail {

/// What a person can do about an `errno` met while writing.
inline std::string_view remedy(int code) {
  switch (code) {
    case ENOENT: return "create the folder first or choose another one";
    case ENOTDIR: return "a part of this path is a file where a folder should be, so choose another path";
    case EISDIR: return "this is a folder, so give the name of a file";
    case EACCES:
    case EPERM: return "choose a place you may write to";
    case EROFS: return "choose a place that is not read-only";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "free some space or choose another disk";
    case ENAMETOOLONG: return "choose a shorter name";
    default: return "check the path and the disk";
  }
}

[[noreturn]] inline void throw_write_error(const std::filesystem::path& path, int code) {
  throw FileError("cannot write '" + path.string() + "': " + std::generic_category().message(code) + "; " +
                  std::string(remedy(code)));
}

/// An open file descriptor, closed when it goes; `close()` reports what closing found.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace detail

/// A file that appears whole or not at all: write to `temporary()`, in the same folder, then `commit()` renames it.
/// Throws FileError where the final path cannot be written; an existing file stays as it was until `commit()`.
class AtomicFile {
 public:
  /// `final_path`: a new name or a regular file, or a link to one (the link's target is then replaced).
  explicit AtomicFile(std::filesystem::path final_path) : final_(std::move(final_path)) {
    namespace fs = std::filesystem;
    struct stat found {};
    if (::stat(final_.c_str(), &found) == 0) {
      if (S_ISDIR(found.st_mode)) detail::throw_write_error(final_, EISDIR);
      if (!S_ISREG(found.st_mode)) {
        throw FileError("cannot write '" + final_.string() + "': it is not a regular file; choose another path");
      }
      std::error_code ignored;
      if (fs::path target = fs::canonical(final_, ignored); !ignored) final_ = std::move(target);
    } else if (errno != ENOENT) {
      detail::throw_write_error(final_, errno);
    }
    if (final_.filename().empty()) detail::throw_write_error(final_, EISDIR);
    static std::atomic<unsigned> count{0};
    temporary_ = final_.parent_path() / ("." + final_.filename().string() + ".tmp-" + std::to_string(::getpid()) +
                                         "-" + std::to_string(count.fetch_add(1)));
    ::unlink(temporary_.c_str());  // a leftover of a process that had this number
    detail::Descriptor file(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.is_open()) detail::throw_write_error(final_, errno);
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (!committed_) ::unlink(temporary_.c_str());
  }

  /// Where to write: an empty file that exists.
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }

  /// Makes `bytes` the whole of the temporary file, on the disk. Throws FileError.
  void write(std::span<const std::byte> bytes) { write({&bytes, 1}); }
  /// The same of what lies in several places.
  void write(std::span<const std::span<const std::byte>> parts) {
    detail::Descriptor file(::open(temporary_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!file.is_open()) detail::throw_write_error(final_, errno);
    for (std::span<const std::byte> bytes : parts) {
      while (!bytes.empty()) {
        const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) detail::throw_write_error(final_, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      }
    }
    if (::fsync(file.get()) != 0 || file.close() != 0) detail::throw_write_error(final_, errno);
  }

  /// Flushes the temporary file to the disk and gives it its final name. Throws FileError; the file is then removed.
  void commit() {
    detail::Descriptor file(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open() || ::fsync(file.get()) != 0 || file.close() != 0) detail::throw_write_error(final_, errno);
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) detail::throw_write_error(final_, errno);
    committed_ = true;
    const std::filesystem::path folder = final_.has_parent_path() ? final_.parent_path() : ".";
    detail::Descriptor entry(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (entry.is_open()) ::fsync(entry.get());  // the name's durability; some file systems refuse, the file is whole
  }

 private:
  std::filesystem::path final_, temporary_;
  bool committed_ = false;
};

/// Replaces the file at `path` by `bytes`, whole or not at all. Throws FileError.
inline void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile atomic(path);
  atomic.write(bytes);
  atomic.commit();
}

/// The same for text.
inline void write_atomically(const std::filesystem::path& path, std::string_view text) {
  write_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

/// Throws the FileError that writing to `path` would throw later: for outputs of a long run, before it.
inline void require_writable(const std::filesystem::path& path) { const AtomicFile never_committed(path); }

/// Removes from a folder what AtomicFiles of processes that were killed left in it; returns how many.
inline std::size_t remove_leftovers(const std::filesystem::path& folder) {
  std::size_t removed = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const std::size_t mark = name.rfind(".tmp-");
    int process = 0;
    unsigned count = 0;
    if (!name.starts_with('.') || mark == std::string::npos ||
        std::sscanf(name.c_str() + mark, ".tmp-%d-%u", &process, &count) != 2) {
      continue;
    }
    const bool dead = process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
    if (dead && std::filesystem::remove(entry.path(), ignored)) ++removed;
  }
  return removed;
}

/// Creates the folder and its parents where missing. Throws FileError where that fails or nothing can be written in it.
inline void ensure_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) detail::throw_write_error(folder, error.value());
  if (!std::filesystem::is_directory(folder, error)) detail::throw_write_error(folder, ENOTDIR);
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) detail::throw_write_error(folder, errno);
}

}  // namespace cxrnet
