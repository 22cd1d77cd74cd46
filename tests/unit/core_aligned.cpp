#include <cxrnet/core/aligned.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

using namespace cxrnet;

TEST_CASE("Aligned bytes start at a multiple of the alignment, all zero", "[core_aligned]") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{4097}, std::size_t{9} << 20U}) {
    for (int again = 0; again < 3; ++again) {  // memory that was written to comes back
      const AlignedBytes bytes(size);
      REQUIRE(bytes.size() == size);
      CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % arena_alignment == 0);
      CHECK(std::all_of(bytes.data(), bytes.data() + size, [](std::byte b) { return b == std::byte{0}; }));
      std::fill_n(bytes.data(), size, std::byte{0xFF});
    }
  }
}

TEST_CASE("No aligned bytes are no memory, and a move hands them on", "[core_aligned]") {
  CHECK(AlignedBytes().data() == nullptr);
  CHECK(AlignedBytes(0).data() == nullptr);
  AlignedBytes first(10);
  std::byte* const data = first.data();
  const AlignedBytes second = std::move(first);
  CHECK(second.data() == data);
  CHECK(second.size() == 10);
  CHECK(first.size() == 0);  // NOLINT(bugprone-use-after-move)
}
