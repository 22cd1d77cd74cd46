#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("GAP takes an image and leaves its channels", "[layers_global_average_pool]") {
  CHECK(GAP::accepts(image_dims(1, 1, 1)));
  CHECK_FALSE(GAP::accepts(vector_dims(9)));
  CHECK(GAP::output(image_dims(7, 5, 512)) == vector_dims(512));
}

TEST_CASE("GAP is the mean of each channel of each image", "[layers_global_average_pool]") {
  using Net = Seq<Input<1, 3, 2>, GlobalAveragePool>;
  const std::vector<float> images{1, 10, 2, 20, 6, 60, 0, -3, 0, -3, 3, 0};
  std::vector<float> means(4);
  Model<Net, Reference<float>>(2).predict(std::span<const float>(images), std::span(means));
  CHECK(means == std::vector<float>{3, 30, 1, -2});
  CHECK(Traits<Net>::layers[1].name.view() == "global_average_pooling2d");
}
