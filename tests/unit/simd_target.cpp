#include <cxrnet/simd/target.hpp>

#include "catch.hpp"

#include <cstdlib>

using namespace cxrnet;

TEST_CASE("The environment keeps to fewer instructions, never to more than there are", "[simd]") {
  const SimdTarget best = detail::detect_simd_target();
  REQUIRE(::setenv("CXRNET_SIMD", "baseline", 1) == 0);
  CHECK(detail::detect_simd_target() == SimdTarget::baseline);
  REQUIRE(::setenv("CXRNET_SIMD", "avx2", 1) == 0);
  CHECK(detail::detect_simd_target() <= SimdTarget::avx2);
  REQUIRE(::setenv("CXRNET_SIMD", "avx512", 1) == 0);
  CHECK(detail::detect_simd_target() >= best);
  REQUIRE(::unsetenv("CXRNET_SIMD") == 0);
  CHECK(simd_target() == simd_target());
  CHECK(name_of(SimdTarget::avx2) == "avx2");
}
