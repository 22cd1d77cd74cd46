#include <cxrnet/core/parameter.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("A convolution's kernel: Keras's layout, size and fans", "[core_parameter]") {
  constexpr Parameter kernel = convolution_kernel(5, 3, 16, 32);
  CHECK(kernel.role == "kernel");
  CHECK(kernel.rank == 4);
  CHECK(kernel.dims == std::array{5, 3, 16, 32});
  CHECK(kernel.size() == 7680);
  CHECK(kernel.fan_in() == 15 * 16);
  CHECK(kernel.fan_out() == 15 * 32);
  CHECK(kernel.init == Init::glorot_uniform);
}

TEST_CASE("A dense kernel and a bias: size and fans", "[core_parameter]") {
  constexpr Parameter kernel = dense_kernel(512, 128);
  CHECK(kernel.rank == 2);
  CHECK(kernel.size() == 65536);
  CHECK(kernel.fan_in() == 512);
  CHECK(kernel.fan_out() == 128);
  constexpr Parameter bias = bias_vector(128);
  CHECK(bias.role == "bias");
  CHECK(bias.rank == 1);
  CHECK(bias.size() == 128);
  CHECK(bias.init == Init::zeros);
  CHECK(dense_kernel(100000, 100000).size() == 10'000'000'000);
}
