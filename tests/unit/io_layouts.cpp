#include <cxrnet/io/layouts.hpp>

#include <numeric>

#include "catch.hpp"

using namespace cxrnet;
using namespace cxrnet::detail;

namespace {

NamedTensor counted(std::vector<std::size_t> dims) {
  NamedTensor tensor{"t", std::move(dims), {}};
  tensor.values.resize(*element_count(tensor.dims));
  std::iota(tensor.values.begin(), tensor.values.end(), 0.0F);
  return tensor;
}

}  // namespace

TEST_CASE("Matrices are transposed", "[io_layouts]") {
  const NamedTensor turned = transposed(counted({2, 3}));
  CHECK(turned.dims == std::vector<std::size_t>{3, 2});
  CHECK(turned.values == std::vector<float>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("Convolutions change layout and back", "[io_layouts]") {
  const NamedTensor torch = counted({2, 3, 4, 5});  // out, in, height, width
  const NamedTensor keras = oihw_to_hwio(torch);
  CHECK(keras.dims == std::vector<std::size_t>{4, 5, 3, 2});
  for (std::size_t o = 0; o < 2; ++o) {
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t h = 0; h < 4; ++h) {
        for (std::size_t w = 0; w < 5; ++w) {
          REQUIRE(keras.values[((h * 5 + w) * 3 + i) * 2 + o] == torch.values[((o * 3 + i) * 4 + h) * 5 + w]);
        }
      }
    }
  }
  CHECK(hwio_to_oihw(keras).values == torch.values);
  CHECK(hwio_to_oihw(keras).dims == torch.dims);
}

TEST_CASE("Rows that count a map change order and back", "[io_layouts]") {
  const std::vector<float> rows{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};  // channels a, b of three places, two columns
  const std::vector<float> ours = from_channels_first(rows, 3, 2);
  CHECK(ours == std::vector<float>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11});
  CHECK(to_channels_first(ours, 3, 2) == rows);
}
