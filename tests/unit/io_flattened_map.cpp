#include <cxrnet/io/flattened_map.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("What counts a flattened map's values is found, and nothing else", "[io_flattened_map]") {
  using Net = Seq<Input<4, 3, 2>, Conv2D<5, 1>, Flatten, BatchNorm<>, Dropout<0.5>, Residual<Dense<60, Relu>>, Dense<2>>;
  const auto& network = description_of<Net>;
  const auto map_of = [&](std::string_view name) {
    for (std::size_t i = 0; i < network.parameters.size(); ++i) {
      if (network.parameters[i].name.view() == name) return flattened_map(network, i);
    }
    return Dims{};
  };
  CHECK(map_of("dense.kernel") == image_dims(4, 3, 5));
  CHECK(map_of("batch_normalization.gamma") == image_dims(4, 3, 5));
  CHECK(map_of("batch_normalization.moving_variance") == image_dims(4, 3, 5));
  CHECK(map_of("conv2d.kernel") == Dims{});
  CHECK(map_of("dense.bias") == Dims{});
  using Pooled = Seq<Input<4, 3, 2>, GAP, Flatten, Dense<2>>;
  CHECK(flattened_map(description_of<Pooled>, 0) == Dims{});
}
