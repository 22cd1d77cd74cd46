#include <cxrnet/io/sealed_safetensors.hpp>

#include <cxrnet/io/atomic_file.hpp>

#include <fstream>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using cxrnet::FormatError;
using cxrnet::NamedTensors;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::nothing_thrown;
using cxrnet::test::TempFolder;

namespace {

/// Not flushed to the disk, as `write_atomically` does: these files are many.
void put(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

NamedTensors sample() {
  return {{{"a \"sha256\":\"", {2, 2}, {1, 2, 3, 4}}, {"empty", {0}, {}}},
          {{"a", "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\""}, {"z", "last"}}};
}

}  // namespace

TEST_CASE("a sealed file reads back, with and without its seal", "[io]") {
  const TempFolder temp;
  const auto file = temp.path() / "a.safetensors";
  cxrnet::write_atomically(file, cxrnet::sealed_safetensors_bytes(sample()));
  CHECK(cxrnet::is_sealed_safetensors(file));
  const NamedTensors read = cxrnet::read_sealed_safetensors(file);
  CHECK(read.metadata == sample().metadata);
  REQUIRE(read.tensors.size() == 2);
  CHECK(read.find("a \"sha256\":\"")->values == sample().tensors[0].values);

  // The digest is what anybody computes who puts the zeros back.
  const NamedTensors plain = cxrnet::read_safetensors(file);
  const std::string digest = plain.metadata.at("sha256");
  NamedTensors zeros = plain;
  zeros.metadata["sha256"] = std::string(64, '0');
  CHECK(digest == cxrnet::sha256_hex(cxrnet::safetensors_bytes(zeros)));
}

TEST_CASE("every changed byte and every cut of a sealed file is noticed", "[io]") {
  const TempFolder temp;
  const auto file = temp.path() / "a.safetensors";
  const std::vector<std::byte> whole = cxrnet::sealed_safetensors_bytes(sample());
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 5}) {
      std::vector<std::byte> bytes = whole;
      bytes[at] ^= std::byte{1} << bit;
      put(file, bytes);
      noticed += message_of<FormatError>([&] { (void)cxrnet::read_sealed_safetensors(file); }) != nothing_thrown;
    }
  }
  CHECK(noticed == 2 * whole.size());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(file, std::span(whole).first(size));
    REQUIRE(!cxrnet::is_sealed_safetensors(file));
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  cxrnet::write_atomically(file, longer);
  CHECK(!cxrnet::is_sealed_safetensors(file));
}

TEST_CASE("what carries no seal is named", "[io]") {
  const TempFolder temp;
  const auto file = temp.path() / "a.safetensors";
  cxrnet::write_safetensors(file, sample());
  const std::string message = message_of<FormatError>([&] { (void)cxrnet::read_sealed_safetensors(file); });
  CHECK(message == "'" + file.string() + "' is not sound: it carries no SHA-256 of itself");
  CHECK(!cxrnet::is_sealed_safetensors(temp.path() / "absent"));
  cxrnet::write_atomically(file, std::string(8, '\xff'));
  CHECK(has(message_of<FormatError>([&] { (void)cxrnet::read_sealed_safetensors(file); }), "cut short or damaged"));
}
