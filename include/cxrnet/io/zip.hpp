#pragma once
#include <zip.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet {

/// A zip archive open for reading that trusts nothing in it: members are asked for by name and read into memory, none
/// is ever written anywhere. Throws FormatError.
class ZipReader {
 public:
  explicit ZipReader(const std::filesystem::path& path)
      : path_(path.string()), size_(InputFile(path).size()), archive_(nullptr, zip_discard) {
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
    if (archive_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("it is no whole zip archive (" + reason + ")");
  }

  [[nodiscard]] bool has(const std::string& name) const {
    return zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW) >= 0;
  }

  /// The bytes of the one member of that name, `most` at most.
  [[nodiscard]] std::vector<std::byte> read(const std::string& name, std::uint64_t most) {
    const auto bad = [&](const std::string& why) { fail("its member " + shown(name) + " " + why); };
    const zip_int64_t index = zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW);
    if (index < 0) fail("it has no member " + shown(name));
    const auto number = static_cast<zip_uint64_t>(index);
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(archive_.get(), number, 0, &stat) != 0 || (stat.valid & needed) != needed) {
      bad("has no known size");
    }
    if (stat.encryption_method != ZIP_EM_NONE) bad("is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) bad("is neither stored nor deflated");
    const std::uint64_t ratio = stat.comp_method == ZIP_CM_STORE ? 1 : 1032;  // what deflate can reach
    if (stat.size > most) bad("is larger than any such file");
    if (stat.comp_size > size_ || stat.size / ratio > stat.comp_size) bad("claims more bytes than the file can hold");
    std::vector<std::byte> bytes(stat.size);
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> member(zip_fopen_index(archive_.get(), number, 0),
                                                                   zip_fclose);
    if (!member) bad(std::string("cannot be opened (") + zip_strerror(archive_.get()) + ")");
    for (std::size_t at = 0; at < bytes.size();) {
      const zip_int64_t got = zip_fread(member.get(), bytes.data() + at, bytes.size() - at);
      if (got <= 0) bad(std::string("is damaged (") + zip_file_strerror(member.get()) + ")");
      at += static_cast<std::size_t>(got);
    }
    std::byte more{};
    if (zip_fread(member.get(), &more, 1) != 0) bad("is damaged: its bytes and its checksum differ");
    return bytes;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError("'" + path_ + "' is not a sound model file: " + why + "; fetch or save it again");
  }

  std::string path_;
  std::uint64_t size_;
  std::unique_ptr<zip_t, void (*)(zip_t*)> archive_;
};

/// A file in an archive to be written; the bytes must live until it is.
struct ZipMember {
  std::string name;
  std::span<const std::byte> bytes;
};

/// Writes a zip archive of these members, uncompressed as Keras's are, whole or not at all. The same members give the
/// same bytes: no times are kept. Throws FileError.
inline void write_zip(const std::filesystem::path& path, std::span<const ZipMember> members) {
  AtomicFile atomic(path);
  const auto fail = [&](const std::string& why) {
    throw FileError("cannot write '" + path.string() + "': " + why + "; free some space or choose another disk");
  };
  int code = 0;
  std::unique_ptr<zip_t, void (*)(zip_t*)> archive(
      zip_open(atomic.temporary().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code), zip_discard);
  if (!archive) detail::throw_write_error(path, errno);
  for (const ZipMember& member : members) {
    zip_source_t* source = zip_source_buffer(archive.get(), member.bytes.data(), member.bytes.size(), 0);
    const zip_int64_t index =
        source == nullptr ? -1 : zip_file_add(archive.get(), member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      const std::string reason = zip_strerror(archive.get());
      zip_source_free(source);
      fail(reason);
    }
    const auto number = static_cast<zip_uint64_t>(index);
    constexpr zip_uint16_t midnight = 0, first_day = (1 << 5) | 1;  // 1980-01-01, zip's first
    if (zip_set_file_compression(archive.get(), number, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive.get(), number, midnight, first_day, 0) != 0) {
      fail(zip_strerror(archive.get()));
    }
  }
  if (zip_close(archive.get()) != 0) fail(zip_strerror(archive.get()));
  static_cast<void>(archive.release());  // closing it has freed it
  atomic.commit();
}

}  // namespace cxrnet
