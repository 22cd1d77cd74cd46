#include <cxrnet/io/hash.hpp>

#include <string>
#include <string_view>

#include "catch.hpp"
#include "temp_folder.hpp"

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

}  // namespace

TEST_CASE("SHA-256 gives NIST's examples", "[io]") {
  CHECK(cxrnet::sha256_hex({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(cxrnet::sha256_hex(bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(cxrnet::Sha256().update(bytes("a")).update({}).update(bytes("bc")).finish() == cxrnet::sha256_hex(bytes("abc")));
}

TEST_CASE("a file's SHA-256 is its bytes', over several pieces", "[io]") {
  const cxrnet::test::TempFolder temp;
  const std::string million(1'000'000, 'a');
  cxrnet::write_atomically(temp.path() / "a", million);
  CHECK(cxrnet::sha256_file(temp.path() / "a") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const std::string more(2'500'000, 'b');
  cxrnet::write_atomically(temp.path() / "b", more);
  CHECK(cxrnet::sha256_file(temp.path() / "b") == cxrnet::sha256_hex(bytes(more)));
  CHECK_THROWS_AS(cxrnet::sha256_file(temp.path() / "none"), cxrnet::FileError);
}
