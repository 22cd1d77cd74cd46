#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/activation.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>

#include "catch.hpp"
#include "network.hpp"
#include "quoted.hpp"

#include <utility>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// example-begin
/// A block that halves height and width.
template <int Filters>
using Halving = Residual<Shortcut<Conv2D<Filters, 1, Stride<2>, NoBias>, BatchNorm<>>,
                         Conv2D<Filters, 3, Same, Stride<2>, NoBias>, BatchNorm<>, Relu,
                         Conv2D<Filters, 3, Same, NoBias>, BatchNorm<>>;
// example-end
static_assert(Traits<Seq<Input<9, 6, 2>, Halving<5>>>::output == image_dims(5, 3, 5));

/// Blocks whose shortcut is a layer, or several, or none; one stands in another.
using Blocks = Seq<Input<6, 5, 2>, Probe, Residual<Conv2D<2, 3, Same, Relu>, Conv2D<2, 3, Same>>,
                   Residual<Shortcut<Conv2D<4, 1, Stride<2>>>, Conv2D<4, 3, Same, Stride<2>, Relu>,
                            Residual<Shortcut<Relu, Conv2D<4, 1>>, Conv2D<4, 3, Same>>>,
                   Relu>;

/// The same with a dropout, plain and with blocks computed again.
template <template <class...> class Wrap>
using Dropped = Seq<Input<6, 5, 2>, Probe, Wrap<Residual<Conv2D<2, 3, Same, Relu>, Dropout<0.3>, Conv2D<2, 3, Same>>>,
                    Wrap<Residual<Shortcut<Conv2D<4, 1, Stride<2>>>, Conv2D<4, 3, Same, Stride<2>, Relu>, Dropout<0.5>,
                                  Conv2D<4, 3, Same>>, Relu>>;

template <class Net, class Backend>
auto output_and_gradients() {
  using scalar = typename Backend::scalar;
  using T = Traits<Net>;
  Head<Net, Backend> head(random_values<scalar>(T::parameter_count, 1), 3);
  const auto output = head.forward(random_values<scalar>(3 * T::features.size(), 2));
  return std::pair(output, head.backward(random_values<scalar>(3 * T::output.size(), 3)));
}

}  // namespace

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

TEST_CASE("A shortcut's layers run on what the branch starts from", "[layers_residual]") {
  // -x - 2 by the shortcut, max(x, 0) by the branch
  using Net = Seq<Input<1, 3, 1>, Residual<Shortcut<Conv2D<1, 1>>, Relu>>;
  const std::vector<float> x{-2, 0, 5};
  std::vector<float> y(3);
  Model<Net, Reference<float>>({-1, -2}, 1).predict(std::span<const float>(x), std::span(y));
  CHECK(y == std::vector<float>{0, -2, -2});
  Model<Net, OneDnn>({-1, -2}, 1).predict(std::span<const float>(x), std::span(y));
  CHECK(y == std::vector<float>{0, -2, -2});
}

TEST_CASE("Blocks have the gradients of central differences", "[layers_residual]") {
  CHECK(gradient_error<Blocks>() < 1e-6);
}

TEST_CASE("Blocks on oneDNN go both ways as the reference does", "[layers_residual]") {
  using T = Traits<Blocks>;
  const auto parameters = random_values<float>(T::parameter_count, 1);
  const auto features = random_values<float>(3 * T::features.size(), 2);
  const auto seed = random_values<float>(3 * T::output.size(), 3);
  Head<Blocks, OneDnn> mine(parameters, 3);
  Head<Blocks, Reference<double>> truth(as<double>(parameters), 3);
  CHECK(relative_error(mine.forward(features), truth.forward(as<double>(features))) < 1e-5);
  CHECK(relative_error(mine.backward(seed), truth.backward(as<double>(seed))) < 1e-5);
}

TEST_CASE("Blocks computed again give the same to the bit, dropout included", "[layers_residual]") {
  using Plain = Dropped<Seq>;
  using Again = Dropped<Recompute>;
  CHECK(output_and_gradients<Plain, Reference<float>>() == output_and_gradients<Again, Reference<float>>());
  CHECK(output_and_gradients<Plain, OneDnn>() == output_and_gradients<Again, OneDnn>());
}

TEST_CASE("docs/layers.md quotes this file too", "[layers_residual]") {
  CHECK(doc_quotes("layers.md", "layers_residual.cpp"));
}
