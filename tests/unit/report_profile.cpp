#include <cxrnet/report/profile.hpp>

#include <string>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("The profile is a table with shares and totals", "[report]") {
  const std::vector<LayerTime> layers{{"block1_conv1", "conv+relu", 30.0, 6e9}, {"gap", "mean", 10.0, 0.0}};
  CHECK(profile_table(layers) ==
        "layer         operation          ms    share   GFLOP/s\n"
        "block1_conv1  conv+relu       30.00   75.0 %     200.0\n"
        "gap           mean            10.00   25.0 %         -\n"
        "total                         40.00  100.0 %     150.0\n");
}

TEST_CASE("A profile of nothing divides nothing by zero", "[report]") {
  CHECK(profile_table({}) ==
        "layer  operation          ms    share   GFLOP/s\n"
        "total                   0.00        -         -\n");
  const std::vector<LayerTime> idle{{"x", "y", 0.0, 5.0}};
  CHECK(profile_table(idle).find("nan") == std::string::npos);
}
