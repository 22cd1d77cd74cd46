#include <cxrnet/core/text.hpp>

#include "catch.hpp"

#include <string>

using namespace cxrnet;

TEST_CASE("A fixed string is its literal without the terminator", "[core_text]") {
  constexpr FixedString name("block1_conv1");
  CHECK(name.view() == "block1_conv1");
  CHECK(FixedString("").view().empty());
  CHECK(FixedString("a\0b").view().size() == 3);
}

TEST_CASE("A name grows by text and by numbers", "[core_text]") {
  CHECK(Name().view().empty());
  CHECK(Name("dense").append("_").append_number(1).append(".kernel").view() == "dense_1.kernel");
  CHECK(Name().append_number(0).view() == "0");
  CHECK(Name().append_number(10).append("/").append_number(1203).view() == "10/1203");
}

TEST_CASE("A name is cut at 64 characters", "[core_text]") {
  const std::string text = std::string(62, 'x') + "abcd";
  Name name(text);
  CHECK(name.view() == text.substr(0, 64));
  CHECK(name.append("more").append_number(5).view() == text.substr(0, 64));
  CHECK(Name(text.substr(0, 62)).append_number(123).view() == text.substr(0, 62) + "12");
}

TEST_CASE("Numbers take the places of a pattern's #", "[core_text]") {
  CHECK(numbered<"block#_conv#", 1, 2>.view() == "block1_conv2");
  CHECK(numbered<"conv#_block#_bn", 4, 18>.view() == "conv4_block18_bn");
  CHECK(numbered<"pool">.view() == "pool");
}
