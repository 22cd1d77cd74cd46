#pragma once
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/input_file.hpp>

namespace cxrnet {

/// SHA-256 of bytes given piece by piece.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    check(context_ ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
  }

  Sha256& update(std::span<const std::byte> bytes) {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
    return *this;
  }

  /// 64 lower-case hexadecimal digits of what was given so far; ends this object's use.
  [[nodiscard]] std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
      hex += digits[digest[i] >> 4U];
      hex += digits[digest[i] & 15U];
    }
    return hex;
  }

 private:
  static void check(int status) {
    if (status != 1) throw Error("OpenSSL cannot compute SHA-256; check its installation");
  }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// SHA-256 of bytes, in hexadecimal.
[[nodiscard]] inline std::string sha256_hex(std::span<const std::byte> bytes) { return Sha256().update(bytes).finish(); }

/// SHA-256 of a file, in hexadecimal, a megabyte at a time. Throws FileError.
[[nodiscard]] inline std::string sha256_file(const std::filesystem::path& path) {
  const InputFile file(path);
  Sha256 hash;
  std::vector<std::byte> buffer(std::size_t{1} << 20U);
  for (std::uint64_t offset = 0; offset < file.size(); offset += buffer.size()) {
    const std::span piece(buffer.data(), std::min<std::uint64_t>(buffer.size(), file.size() - offset));
    file.read(offset, piece);
    hash.update(piece);
  }
  return hash.finish();
}

}  // namespace cxrnet
