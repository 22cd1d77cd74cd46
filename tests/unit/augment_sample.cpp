#include <cxrnet/augment/sample.hpp>

#include "catch.hpp"
#include "simd_targets.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

using namespace cxrnet;

namespace {

constexpr std::array<ChannelMap, 3> reversed{{{2, 1.0F, -103.939F}, {1, 0.5F, 0.0F}, {0, 2.0F, 7.0F}}};

/// Exactly as long as the image, so that the address sanitizer sees one byte too many.
std::unique_ptr<std::uint8_t[]> pattern(int height, int width) {
  const auto size = static_cast<std::size_t>(height * width * 3);
  auto rgb = std::make_unique<std::uint8_t[]>(size);
  for (std::size_t i = 0; i < size; ++i) rgb[i] = static_cast<std::uint8_t>((i * 37 + i / 7 * 11) & 0xFFU);
  return rgb;
}

/// The definition: bilinear at the clamped coordinate, in double precision.
double expected(const std::uint8_t* rgb, int height, int width, const Affine& map, int row, int column, int source) {
  const double x = std::clamp(map.xx * column + map.xy * row + map.x0, 0.0, width - 1.0);
  const double y = std::clamp(map.yx * column + map.yy * row + map.y0, 0.0, height - 1.0);
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const auto at = [&](int r, int c) -> double {
    return rgb[(std::min(r, height - 1) * width + std::min(c, width - 1)) * 3 + source];
  };
  const double upper = at(top, left) * (1 - x + left) + at(top, left + 1) * (x - left);
  const double lower = at(top + 1, left) * (1 - x + left) + at(top + 1, left + 1) * (x - left);
  return upper * (1 - y + top) + lower * (y - top);
}

}  // namespace

TEST_CASE("Sampling is bilinear in each instruction set, at every size, and reads and writes no further", "[augment]") {
  const Affine maps[] = {{}, {0.8, 0.3, -2.5, -0.2, 1.1, 4.25}, {-1.0, 0.0, 30.0, 0.0, 1.0, 0.0}, {3.0, 0.0, -40.0, 0.0, 0.1, 1e9}};
  for (const SimdTarget target : simd_targets()) {
    for (const auto& [height, width] : {std::array{1, 1}, {1, 2}, {2, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 70}, {31, 33}, {20, 129}}) {
      const auto rgb = pattern(height, width);
      for (const Affine& map : maps) {
        const auto size = static_cast<std::size_t>(height * width * 3);
        const auto out = std::make_unique<float[]>(size);
        sample({rgb.get(), height, width}, map, reversed, out.get(), target);
        double worst = 0.0;
        for (int i = 0; i < height * width; ++i) {
          for (int c = 0; c < 3; ++c) {
            const ChannelMap& channel = reversed[static_cast<std::size_t>(c)];
            const double value = expected(rgb.get(), height, width, map, i / width, i % width, channel.source);
            worst = std::max(worst, std::abs(value * static_cast<double>(channel.scale) + static_cast<double>(channel.shift) -
                                             static_cast<double>(out[static_cast<std::size_t>(i * 3 + c)])));
          }
        }
        INFO(name_of(target) << " " << height << " x " << width << " map " << &map - maps);
        CHECK(worst < 2e-4);
      }
    }
  }
}

TEST_CASE("Without a map bytes become their numbers to the bit, in each instruction set", "[augment]") {
  constexpr std::array<ChannelMap, 3> rescale{{{0, 1.0F / 255, 0.0F}, {1, 1.0F / 255, 0.0F}, {2, 1.0F / 255, 0.0F}}};
  const auto rgb = pattern(9, 37);
  for (const SimdTarget target : simd_targets()) {
    std::vector<float> out(9 * 37 * 3);
    sample({rgb.get(), 9, 37}, {}, rescale, out.data(), target);
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(out[i] == static_cast<float>(rgb[i]) * (1.0F / 255));
  }
}

TEST_CASE("A map of nothing but NaN samples the first pixel", "[augment]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr std::array<ChannelMap, 3> as_given{{{0}, {1}, {2}}};
  const auto rgb = pattern(5, 6);
  for (const SimdTarget target : simd_targets()) {
    std::vector<float> out(5 * 6 * 3);
    sample({rgb.get(), 5, 6}, {nan, nan, nan, nan, nan, nan}, as_given, out.data(), target);
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(out[i] == static_cast<float>(rgb[i % 3]));
  }
}
