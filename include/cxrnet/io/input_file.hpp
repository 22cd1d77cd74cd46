#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>

namespace cxrnet {

/// A regular file open for reading at any offset. Throws FileError where it is missing, no file, or cannot be read.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path)
      : path_(path.string()), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!file_.is_open()) fail(std::generic_category().message(errno) + "; check the path");
    struct stat found {};
    if (::fstat(file_.get(), &found) != 0) fail(std::generic_category().message(errno) + "; check the disk");
    if (S_ISDIR(found.st_mode)) fail("it is a folder; give the name of a file");
    if (!S_ISREG(found.st_mode)) fail("it is not a regular file; give the name of one");
    size_ = static_cast<std::uint64_t>(found.st_size);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Fills `bytes` from `offset`. Throws FileError where the file ends before.
  void read(std::uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(std::generic_category().message(errno) + "; check the disk");
      if (got == 0) fail("it ends too soon; copy or fetch it again");
      offset += static_cast<std::uint64_t>(got);
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
  }

  /// The whole of it: mind its size first. Throws FileError.
  [[nodiscard]] std::string text() const {
    std::string all(size_, '\0');
    read(0, std::as_writable_bytes(std::span(all)));
    return all;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw FileError("cannot read '" + path_ + "': " + why); }

  std::string path_;
  detail::Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace cxrnet
