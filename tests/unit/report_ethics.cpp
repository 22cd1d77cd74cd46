#include <cxrnet/report/ethics.hpp>

#include <string_view>

#include "catch.hpp"

TEST_CASE("The ethical note says what it must, in one line", "[report]") {
  for (const std::string_view part : {"research", "not a diagnosis", "complement", "clinicians"})
    CHECK(cxrnet::ethical_note.find(part) != std::string_view::npos);
  CHECK(cxrnet::ethical_note.find('\n') == std::string_view::npos);
}
