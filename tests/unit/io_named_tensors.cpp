#include <cxrnet/io/named_tensors.hpp>

#include "catch.hpp"
#include "message.hpp"

TEST_CASE("element_count multiplies, and refuses to overflow", "[io]") {
  const auto count = [](std::vector<std::size_t> dims) { return cxrnet::element_count(dims); };
  CHECK(count({}) == 1U);
  CHECK(count({3, 3, 64, 128}) == 73728U);
  CHECK(count({5, 0, 7}) == 0U);
  const std::size_t half = std::size_t{1} << 32U;
  CHECK(count({half, half}) == std::nullopt);
  CHECK(count({half, half / 2}) == std::size_t{1} << 63U);
  CHECK(count({half, half, 0}) == 0U);
}

TEST_CASE("tensors are found by name", "[io]") {
  const cxrnet::NamedTensors model{{{"a.kernel", {1}, {1.0F}}, {"a.bias", {1}, {2.0F}}}, {}};
  REQUIRE(model.find("a.bias") != nullptr);
  CHECK(model.find("a.bias")->values[0] == 2.0F);
  CHECK(model.find("a") == nullptr);
}

TEST_CASE("values that are not finite are named by their tensor", "[io]") {
  cxrnet::NamedTensors model{{{"a.kernel", {2}, {1.0F, 2.0F}}, {"a.bias", {2}, {0.0F, 0.0F}}}, {}};
  CHECK_NOTHROW(cxrnet::require_finite(model, "m.h5"));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    model.tensors[1].values[1] = bad;
    CHECK(cxrnet::test::message_of<cxrnet::FormatError>([&] { cxrnet::require_finite(model, "m.h5"); }) ==
          "'m.h5' has values that are not finite (NaN or infinity) in tensor a.bias; fetch or train the weights again");
  }
}

TEST_CASE("names out of files are made fit for messages", "[io]") {
  CHECK(cxrnet::shown("dense.kernel") == "dense.kernel");
  CHECK(cxrnet::shown("a\x1b[2Jb\n") == "a?[2Jb?");
  CHECK(cxrnet::shown(std::string(200, 'x')) == std::string(80, 'x') + "...");
  CHECK(cxrnet::dims_text(std::vector<std::size_t>{3, 3}) == "(3, 3)");
  CHECK(cxrnet::dims_text(std::vector<std::size_t>{}) == "()");
}
