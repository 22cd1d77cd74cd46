#include <cxrnet/report/csv.hpp>

#include <string>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("CSV fields are quoted as RFC 4180 says", "[report]") {
  CHECK(csv_field("plain name.png") == "plain name.png");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_field("two\nlines") == "\"two\nlines\"");
  CHECK(csv_field("\r") == "\"\r\"");
  CHECK(csv_field("").empty());
  CHECK(csv_record(std::vector<std::string>{"a", "b,c", ""}) == "a,\"b,c\",\r\n");
}
