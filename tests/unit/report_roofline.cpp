#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/cpu/winograd.hpp>
#include <cxrnet/core/rewrite.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/report/roofline.hpp>

#include "catch.hpp"


using namespace cxrnet;

namespace {

/// 8 x 6 maps of 16 channels, a convolution to 48, and a pool.
using Net = Seq<Input<8, 6, 16>, Conv2D<48, 3, Same, Relu>, MaxPool<2>>;
template <class Network, class List>
using Operations = Rewrite<Network, WithRules<Cpu, List>, Mode::inference>;
using Fused = Operations<Net, Cpu::rules>;
using Unfused = Operations<Net, Rules<>>;

template <class Network, class Backend_operations>
constexpr Work stated(int n) {
  Work sum;
  for (const op::Operation& o : Backend_operations::operations) sum += stated_work(o, Traits<Network>::parameters, n);
  return sum;
}

// By hand, in floats: 768 in, 2304 out of the convolution, 576 out of the pool, 9 x 16 x 48 = 6912 weights, 48 biases.
constexpr double flops = 2.0 * 8 * 6 * 48 * 9 * 16;
static_assert(stated<Net, Fused>(1) == Work{flops, 4 * (768 + 576 + 6912 + 48)});
static_assert(stated<Net, Fused>(5) == Work{5 * flops, 4 * (5 * (768 + 576) + 6912 + 48)});
static_assert(stated<Net, Unfused>(1) == Work{flops, 4 * (768 + 2304 + 6912      // convolution
                                                          + 2304 + 2304 + 48     // bias
                                                          + 2304 + 2304          // ReLU
                                                          + 2304 + 576)});       // pool
static_assert(stated<Net, Unfused>(3).bytes == 4 * (3 * (768 + 6 * 2304 + 576) + 6912 + 48));

// Two inputs; four parameters of a batch normalisation; a dense layer's matrix.
using Other = Seq<Input<2, 2, 3>, Residual<BatchNorm<>>, Flatten, Dense<5>>;
static_assert(stated<Other, Operations<Other, Rules<FuseBias>>>(2) ==
              Work{2 * 2.0 * 12 * 5, 4 * (2 * (12 + 12) + 4 * 3      // normalisation
                                          + 2 * (2 * 12 + 12)        // sum
                                          + 2 * (12 + 12)            // flattening
                                          + 2 * (12 + 5) + 60 + 5)});  // dense layer and bias

}  // namespace

TEST_CASE("Winograd's work is that of its whole tiles and transformed weights", "[report]") {
  const op::Operation& o = Fused::operations.front();
  const auto parameters = std::span<const ParameterInfo>(Traits<Net>::parameters);
  // 8 x 6 is 2 x 2 tiles of 4 x 4, and 4 x 3 of 2 x 2. Our panels are 32 channels: 48 fill two.
  const Work ours = done_work(o, parameters, 3, "winograd_4x3:avx512");
  CHECK(ours.flops == 3 * 4 * (2 * 36 * 16 * 64 + 240 * 16 + 160 * 48));
  CHECK(ours.bytes == 4 * (3 * (768 + 576) + 36 * 16 * 64 + 48));
  const cpu::WinogradShape shape{.height = 8, .width = 6, .in = 16, .out = 48};
  CHECK(ours.bytes == 4 * (3 * (768 + 576) + static_cast<double>(shape.weights()) + 48));
  CHECK(done_work(o, parameters, 1, "jit_wino_4x3:avx512_core") == Work{4.0 * 2 * 36 * 16 * 48, 4.0 * (768 + 576 + 36 * 16 * 48 + 48)});
  CHECK(done_work(o, parameters, 1, "jit_wino_2x3:avx512_core") == Work{12.0 * 2 * 16 * 16 * 48, 4.0 * (768 + 576 + 16 * 16 * 48 + 48)});
  CHECK(done_work(o, parameters, 7, "jit:avx512_core") == stated_work(o, parameters, 7));
  const op::Operation& bias = Unfused::operations[1];
  CHECK(done_work(bias, parameters, 7, "winograd_4x3:avx512") == stated_work(bias, parameters, 7));
}

TEST_CASE("The roof is arithmetic's or memory's", "[report]") {
  constexpr Roofline roof{.flops = 200, .bytes = 10};
  CHECK(roof.ridge() == 20);
  CHECK(roof.seconds({.flops = 400, .bytes = 10}) == 2);
  CHECK(roof.seconds({.flops = 400, .bytes = 40}) == 4);
  CHECK(roof.seconds({.flops = 0, .bytes = 5}) == 0.5);
}
