#include <cxrnet/core/real.hpp>

#include "catch.hpp"

#include <limits>
#include <type_traits>

using namespace cxrnet;

namespace {
template <Real number>
struct Holds {
  static constexpr double value = number.value();
};
}  // namespace

TEST_CASE("A real number comes out of a template argument bit for bit", "[core_real]") {
  CHECK(Holds<0.1>::value == 0.1);
  CHECK(Holds<-1.0 / 3>::value == -1.0 / 3);
  CHECK(Holds<std::numeric_limits<double>::denorm_min()>::value == std::numeric_limits<double>::denorm_min());
  CHECK(Holds<20>::value == 20.0);
}

TEST_CASE("Equal real numbers make one type, unequal ones two", "[core_real]") {
  CHECK(std::is_same_v<Holds<0.5>, Holds<1.0 / 2>>);
  CHECK(std::is_same_v<Holds<20>, Holds<20.0>>);
  CHECK_FALSE(std::is_same_v<Holds<0.1 + 0.2>, Holds<0.3>>);
}
