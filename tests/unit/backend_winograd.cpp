#include <cxrnet/backend/cpu/winograd.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/random/philox.hpp>

#include "catch.hpp"
#include "simd_targets.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using namespace cxrnet;
using cpu::WinogradPlan;
using cpu::WinogradShape;

namespace {

std::vector<float> draws(std::uint32_t seed, std::size_t count) {
  RandomStream random(seed, RandomUse::transform, 0, 0);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = static_cast<float>(random.uniform(-1.0, 1.0));
  return numbers;
}

/// Where channel c of pixel (y, x) of image i lies in a map blocked by 16 channels.
std::size_t at(int i, int y, int x, int c, int height, int width, int channels) {
  return static_cast<std::size_t>((((i * (channels / 16) + c / 16) * height + y) * width + x) * 16 + c % 16);
}

struct Case {
  int n;
  WinogradShape shape;
};

/// The definition in double precision, plain n x height x width x out, before any pool.
std::vector<double> convolved(const Case& c, const std::vector<float>& x, const std::vector<float>& g, const std::vector<float>& b) {
  const auto& [n, s] = c;
  std::vector<double> y;
  for (int i = 0; i < n; ++i) {
    for (int p = 0; p < s.height * s.width; ++p) {
      for (int k = 0; k < s.out; ++k) {
        double sum = static_cast<double>(b[static_cast<std::size_t>(k)]);
        for (int tap = 0; tap < 9; ++tap) {
          const int row = p / s.width + tap / 3 - 1, column = p % s.width + tap % 3 - 1;
          if (row < 0 || column < 0 || row >= s.height || column >= s.width) continue;
          for (int d = 0; d < s.in; ++d) {
            sum += static_cast<double>(x[at(i, row, column, d, s.height, s.width, s.in)]) *
                   static_cast<double>(g[static_cast<std::size_t>((tap * s.in + d) * s.out + k)]);
          }
        }
        y.push_back(s.relu ? std::max(sum, 0.0) : sum);
      }
    }
  }
  return y;
}

/// The largest error of a convolution run with a plan.
double error_of(const Case& c, SimdTarget target, const WinogradPlan& plan) {
  const int n = c.n;
  const WinogradShape& s = c.shape;
  const auto x = draws(1, static_cast<std::size_t>(n * s.height * s.width * s.in));
  const auto g = draws(2, static_cast<std::size_t>(9 * s.in * s.out));
  const auto b = draws(3, static_cast<std::size_t>(s.out));
  const cpu::Winograd convolution(s, target, plan, thread_count());
  const AlignedBytes packed(s.weights() * sizeof(float)), scratch(convolution.scratch_bytes());
  const int height = s.pool ? s.height / 2 : s.height, width = s.pool ? s.width / 2 : s.width;
  std::vector<float> y(static_cast<std::size_t>(n * height * width * s.out));
  convolution.pack(g.data(), reinterpret_cast<float*>(packed.data()));
  convolution.run(n, x.data(), reinterpret_cast<const float*>(packed.data()), b.data(), y.data(),
                  scratch.data());
  const std::vector<double> expected = convolved(c, x, g, b);
  double worst = 0;
  for (int i = 0; i < n; ++i) {
    for (int p = 0; p < height * width; ++p) {
      for (int k = 0; k < s.out; ++k) {
        const auto of = [&](int row, int column) {
          return expected[static_cast<std::size_t>(((i * s.height + row) * s.width + column) * s.out + k)];
        };
        const int row = p / width, column = p % width;
        const double value = s.pool ? std::max({of(2 * row, 2 * column), of(2 * row, 2 * column + 1),
                                                of(2 * row + 1, 2 * column), of(2 * row + 1, 2 * column + 1)})
                                    : of(row, column);
        worst = std::max(worst, std::abs(value - static_cast<double>(y[at(i, row, column, k, height, width, s.out)])));
      }
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("Winograd convolves, adds, rectifies and pools in each instruction set, whatever the plan", "[backend]") {
  const Case cases[] = {{2, {14, 14, 32, 48, true, false}}, {1, {15, 13, 16, 32, false, true}},
                        {3, {8, 12, 48, 64, true, true}},   {1, {5, 3, 16, 16, false, false}},
                        {1, {1, 1, 16, 16, true, false}},   {2, {7, 9, 16, 80, true, true}}};
  for (const SimdTarget target : simd_targets()) {
    for (const Case& c : cases) {
      for (const WinogradPlan& plan : {WinogradPlan{WinogradPlan::Order::tiles, 7}, WinogradPlan{WinogradPlan::Order::points, 19},
                                       cpu::plan_winograd(c.shape, c.n, 2)}) {
        INFO(name_of(target) << " case " << &c - cases << " block " << plan.block);
        CHECK(error_of(c, target, plan) < 3e-5);
      }
    }
  }
}

TEST_CASE("A plan changes no bit of a result", "[backend]") {
  const WinogradShape shape{12, 20, 32, 48, true, false};
  const auto x = draws(4, 2 * 12 * 20 * 32);
  const auto g = draws(5, 9 * 32 * 48);
  const auto run = [&](const WinogradPlan& plan, int n, const float* from) {
    const cpu::Winograd convolution(shape, simd_target(), plan, 2);
    const AlignedBytes packed(shape.weights() * sizeof(float)), scratch(convolution.scratch_bytes());
    std::vector<float> y(static_cast<std::size_t>(n) * 12 * 20 * 48);
    convolution.pack(g.data(), reinterpret_cast<float*>(packed.data()));
    convolution.run(n, from, reinterpret_cast<const float*>(packed.data()), nullptr, y.data(), scratch.data());
    return y;
  };
  const auto whole = run({WinogradPlan::Order::tiles, 28}, 2, x.data());
  CHECK(run({WinogradPlan::Order::points, 30}, 2, x.data()) == whole);
  CHECK(run({WinogradPlan::Order::points, 5}, 2, x.data()) == whole);
  const auto second = run({WinogradPlan::Order::tiles, 3}, 1, x.data() + 12 * 20 * 32);
  CHECK(std::equal(second.begin(), second.end(), whole.begin() + 12 * 20 * 48));
}

TEST_CASE("Winograd's data gradient is the adjoint of its convolution", "[backend]") {
  const int n = 2, height = 13, width = 10, in = 48, out = 80;
  const auto pixels = static_cast<std::size_t>(n * height * width);
  const auto x = draws(6, pixels * in), g = draws(7, std::size_t{9} * in * out), dy = draws(8, pixels * out);
  for (const SimdTarget target : simd_targets()) {
    const auto run = [&](const WinogradShape& shape, cpu::WinogradPass pass, const std::vector<float>& from) {
      const cpu::Winograd convolution(shape, target, cpu::plan_winograd(shape, n, 2), 2);
      const AlignedBytes packed(shape.weights() * sizeof(float)), scratch(convolution.scratch_bytes());
      std::vector<float> to(pixels * static_cast<std::size_t>(shape.out));
      convolution.pack(g.data(), reinterpret_cast<float*>(packed.data()), pass);
      convolution.run(n, from.data(), reinterpret_cast<const float*>(packed.data()), nullptr, to.data(),
                      scratch.data());
      return to;
    };
    const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
      double sum = 0;
      for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
      return sum;
    };
    const auto y = run({height, width, in, out}, cpu::WinogradPass::forward, x);
    const auto dx = run({height, width, out, in}, cpu::WinogradPass::data_gradient, dy);
    // Both sums are over some 20 thousand products of sums of some 400, each of the order of 10.
    INFO(name_of(target));
    CHECK(std::abs(dot(y, dy) - dot(x, dx)) < 1e-5 * std::sqrt(dot(y, y) * dot(dy, dy)));
    CHECK(std::abs(dot(y, dy)) > 1e-3 * std::sqrt(dot(y, y) * dot(dy, dy)));
  }
}

TEST_CASE("Winograd takes 3x3 convolutions of whole blocks of channels alone", "[backend]") {
  op::Operation o;
  o.kind = op::Kind::convolution;
  o.in = image_dims(14, 14, 32);
  o.out = image_dims(14, 14, 16);
  o.window = {.height = 3, .width = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  CHECK(cpu::has_winograd(o));
  const auto without = [&](auto change) {
    op::Operation other = o;
    change(other);
    return !cpu::has_winograd(other);
  };
  CHECK(without([](auto& c) { c.in.channels = 3; }));
  CHECK(without([](auto& c) { c.out.channels = 24; }));
  CHECK(without([](auto& c) { c.window.stride = 2; }));
  CHECK(without([](auto& c) { c.window.pad_left = 0; }));
  CHECK(without([](auto& c) { c.window.width = 1; }));
  CHECK(without([](auto& c) { c.pool = {.height = 3, .width = 3, .stride = 2}; }));
  CHECK(without([](auto& c) { c.kind = op::Kind::dense; }));
}
