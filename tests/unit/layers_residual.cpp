#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Residual adds its branch to what went in", "[layers_residual]") {
  using Net = Seq<Input<1, 3, 1>, Residual<Relu>>;
  const std::vector<float> x{-2, 0, 5};
  std::vector<float> y(3);
  Model<Net, Reference<float>>(1).predict(std::span<const float>(x), std::span(y));
  CHECK(y == std::vector<float>{-2, 0, 10});
}

TEST_CASE("Residual's addition reads the branch and the fork, nested blocks their own", "[layers_residual]") {
  using T = Traits<Seq<Input<4, 4, 2>, Relu, Residual<Relu, Residual<Seq<Relu, Relu>>>>>;
  REQUIRE(T::operation_count == 6);
  CHECK(T::operations[4].kind == op::Kind::add);
  CHECK(T::operations[4].inputs == std::array{4, 2});
  CHECK(T::operations[5].inputs == std::array{5, 1});
  CHECK(T::layers.back().name.view() == "add_1");
}

TEST_CASE("A residual branch must give the shape of the fork", "[layers_residual]") {
  CHECK(detail::Merge::accepts_merge(image_dims(4, 4, 2), image_dims(4, 4, 2)));
  CHECK_FALSE(detail::Merge::accepts_merge(image_dims(4, 4, 3), image_dims(4, 4, 2)));
  CHECK_FALSE(detail::Merge::accepts_merge(vector_dims(2), image_dims(1, 1, 2)));
  CHECK(Traits<Seq<Input<4, 4, 2>, Residual<Conv2D<5, 3, Same>, Conv2D<2, 1>>>>::parameters.size() == 4);
}
