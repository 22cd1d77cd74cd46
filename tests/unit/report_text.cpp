#include <cxrnet/report/text.hpp>

#include <cmath>
#include <limits>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Text is aligned by code points", "[report]") {
  CHECK(display_width("Pneumonie à Québec") == 18);
  CHECK(left_aligned("é", 3) == "é  ");
  CHECK(right_aligned("é", 3) == "  é");
  CHECK(right_aligned("long", 2) == "long");
}

TEST_CASE("Escape sequences and line breaks in names do not reach a terminal", "[report]") {
  CHECK(printable("a\x1b[2Jb\nc\x7f") == "a?[2Jb?c?");
  CHECK(printable("Grippe é") == "Grippe é");
}

TEST_CASE("Numbers have the decimals asked for, or read back exactly", "[report]") {
  CHECK(with_decimals(0.91375, 4) == "0.9137");  // the double is just below
  CHECK(with_decimals(2.0, 0) == "2");
  CHECK(with_decimals(std::nan(""), 2) == "nan");
  CHECK(with_decimals(-std::numeric_limits<double>::infinity(), 2) == "-inf");
  CHECK(with_decimals(1e300, 2).size() == 304);
  CHECK(round_trip(0.1F) == "0.1");
  CHECK(std::stof(round_trip(0.33333334F)) == 0.33333334F);
  CHECK(std::stod(round_trip(1.0 / 3)) == 1.0 / 3);
}
