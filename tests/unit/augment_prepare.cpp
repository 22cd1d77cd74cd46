#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/core/preprocess.hpp>

#include "npy.hpp"
#include "shared.hpp"

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

using namespace cxrnet;

namespace {

using Everything = Augment<Rotate<20>, Shift<0.2, 0.2>, Shear<0.2>, Zoom<0.2>, FlipHorizontal, FlipVertical>;

std::vector<std::uint8_t> pattern(int height, int width) {
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(height * width * 3));
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>((i * 37 + i / 7 * 11) & 0xFFU);
  return rgb;
}

/// Exactly as long as the image, so that the address sanitizer sees one byte too many.
template <class Augmentation, class Preprocess>
std::vector<float> prepared(const std::vector<std::uint8_t>& rgb, int height, int width,
                            const TransformParameters& transform = {}) {
  const auto exact = std::make_unique<std::uint8_t[]>(rgb.size());
  std::copy(rgb.begin(), rgb.end(), exact.get());
  std::vector<float> out(rgb.size(), -1.0F);
  prepare<Augmentation, Preprocess>(exact.get(), height, width, transform, out.data());
  return out;
}

/// By the GPU's kernel, run here; T is what its maps are of.
template <class T>
std::vector<float> sampled_on_device(const std::vector<std::uint8_t>& rgb, int height, int width, const Affine& map) {
  const cuda::Maps maps{1, height, width, 3, 8};
  const auto channels = channel_maps_of<AsGiven, 3>;
  std::vector<T> y(static_cast<std::size_t>(maps.numbers()));
  const cuda::SampleImages<T> kernel{maps, 1, {channels[0], channels[1], channels[2]}, &map, rgb.data(), y.data()};
  for (std::int64_t i = 0; i < kernel.count(); ++i) kernel(i);
  std::vector<float> out;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i % 8 < 3) out.push_back(cuda::to_float(y[i]));
  }
  return out;
}

/// The definition, in double precision: bilinear at the clamped coordinate.
std::vector<double> sampled(const std::vector<std::uint8_t>& rgb, int height, int width, const Affine& map) {
  std::vector<double> out;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const double x = std::clamp(map.xx * column + map.xy * row + map.x0, 0.0, width - 1.0);
      const double y = std::clamp(map.yx * column + map.yy * row + map.y0, 0.0, height - 1.0);
      const int left = static_cast<int>(std::floor(x));
      const int top = static_cast<int>(std::floor(y));
      for (int c = 0; c < 3; ++c) {
        const auto at = [&](int r, int k) -> double {
          return rgb[static_cast<std::size_t>((std::min(r, height - 1) * width + std::min(k, width - 1)) * 3 + c)];
        };
        const double upper = at(top, left) * (1 - x + left) + at(top, left + 1) * (x - left);
        const double lower = at(top + 1, left) * (1 - x + left) + at(top + 1, left + 1) * (x - left);
        out.push_back(upper * (1 - y + top) + lower * (y - top));
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("with nothing to do, preparing is preprocessing", "[augment]") {
  const auto rgb = pattern(5, 4);
  const auto rescaled = prepared<NoAugment, Rescale<1, 255>>(rgb, 5, 4);
  const auto caffe = prepared<NoAugment, ImageNetCaffe>(rgb, 5, 4);
  const auto same = prepared<ReferenceAugment, Rescale<1, 255>>(rgb, 5, 4);
  CHECK(same == rescaled);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    REQUIRE(rescaled[i] == static_cast<float>(rgb[i]) * (1.0F / 255.0F));
    const std::size_t c = i % 3;
    REQUIRE(caffe[i] == static_cast<float>(rgb[i - c + 2 - c]) + ImageNetCaffe::shift(static_cast<int>(c)));
  }
}

TEST_CASE("flips mirror exactly, alone and after other transforms", "[augment]") {
  const auto rgb = pattern(3, 4);
  TransformParameters p;
  p.flip_horizontal = true;
  const auto mirrored = prepared<Everything, AsGiven>(rgb, 3, 4, p);
  p.flip_horizontal = false;
  p.flip_vertical = true;
  const auto upside_down = prepared<Everything, AsGiven>(rgb, 3, 4, p);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t i = 0; i < 12; ++i) {
      const std::size_t column = i / 3;
      REQUIRE(mirrored[row * 12 + i] == static_cast<float>(rgb[row * 12 + (3 - column) * 3 + i % 3]));
      REQUIRE(upside_down[row * 12 + i] == static_cast<float>(rgb[(2 - row) * 12 + i]));
    }
  }
  p = {.theta = 12.0, .tx = 0.7, .ty = -0.4, .shear = 3.0, .zx = 1.1, .zy = 0.9};
  const auto plain = prepared<Everything, AsGiven>(rgb, 3, 4, p);
  p.flip_horizontal = true;
  const auto flipped = prepared<Everything, AsGiven>(rgb, 3, 4, p);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t i = 0; i < 12; ++i) {
      REQUIRE(flipped[row * 12 + i] == Approx(plain[row * 12 + (3 - i / 3) * 3 + i % 3]).margin(1e-3));
    }
  }
}

TEST_CASE("sampling follows its definition at every size, and reads no byte outside the image", "[augment]") {
  for (const auto& [height, width] : {std::array{1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 70}, {65, 64}, {20, 129}}) {
    const auto rgb = pattern(height, width);
    RandomStream random(3, RandomUse::transform, 0, static_cast<std::uint32_t>(height * 1000 + width));
    for (int round = 0; round < 20; ++round) {
      const auto p = Augment<Rotate<180>, Shift<0.9, 0.9>, Shear<40>, Zoom<0.9>>::draw(random, {height, width});
      const auto got = prepared<Everything, ImageNetCaffe>(rgb, height, width, p);
      const Affine map = sampling_map(Everything::geometry(p), height, width);
      const auto expected = sampled(rgb, height, width, map);
      double worst = 0.0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        const std::size_t c = i % 3;
        const double value = expected[i - c + 2 - c] + static_cast<double>(ImageNetCaffe::shift(static_cast<int>(c)));
        worst = std::max(worst, std::abs(static_cast<double>(got[i]) - value));
      }
      INFO(height << " x " << width);
      REQUIRE(worst < 2e-3);
    }
  }
}

TEST_CASE("absurd parameters stay within the image", "[augment]") {
  const auto rgb = pattern(6, 5);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::nan(""), infinity, -infinity, 1e300, -1e300}) {
    for (const auto& p : {TransformParameters{.tx = value}, TransformParameters{.ty = value},
                          TransformParameters{.zx = value, .zy = value}}) {
      for (const float level : prepared<Everything, AsGiven>(rgb, 6, 5, p)) REQUIRE((level >= 0.0F && level <= 255.0F));
    }
  }
}

TEST_CASE("augmented images are Keras's", "[augment][golden]") {
  const auto shared = test::shared_or_skip("golden/augment");
  if (!shared) return;
  const auto folder = *shared / "golden/augment";
  const auto parameters = test::npy<double>(folder / "params.npy");
  const auto transform = [&](std::size_t i, int height, int width) {
    return TransformParameters{parameters(i, 0),
                               parameters(i, 1) * height / 224,
                               parameters(i, 2) * width / 224,
                               parameters(i, 3),
                               parameters(i, 4),
                               parameters(i, 5),
                               parameters(i, 6) != 0.0,
                               parameters(i, 7) != 0.0,
                               {}};
  };
  SECTION("224 x 224 bytes") {
    const auto input = test::npy<std::uint8_t>(folder / "input_224.npy");
    const auto output = test::npy<float>(folder / "output_224_first12.npy");
    const std::vector<std::uint8_t> rgb(input.begin(), input.end());
    const auto difference = [&](std::size_t i, const std::vector<float>& got) {
      double worst = 0.0;
      for (std::size_t k = 0; k < got.size(); ++k) {
        worst = std::max(worst, std::abs(static_cast<double>(got[k]) - static_cast<double>(output.data()[i * got.size() + k])));
      }
      return worst;
    };
    for (std::size_t i = 0; i < 12; ++i) {
      const auto p = transform(i, 224, 224);
      CHECK(difference(i, prepared<Everything, AsGiven>(rgb, 224, 224, p)) < 1e-3);
      const Affine map = prepare_map<Everything>(p, 224, 224);
      CHECK(difference(i, sampled_on_device<float>(rgb, 224, 224, map)) < 1e-3);
      CHECK(difference(i, sampled_on_device<cuda::Float16>(rgb, 224, 224, map)) < 0.07);  // half of a half's last place at 255
    }
  }
  SECTION("37 x 53 floats, as a sum of three images of bytes, since sampling is linear") {
    const auto input = test::npy<float>(folder / "input_37x53.npy");
    const auto output = test::npy<float>(folder / "output_37x53.npy");
    std::array<std::vector<std::uint8_t>, 3> digits;
    for (const float level : input) {
      auto rest = static_cast<double>(level);
      for (auto& digit : digits) {
        digit.push_back(static_cast<std::uint8_t>(rest));
        rest = (rest - std::floor(rest)) * 256.0;
      }
    }
    REQUIRE(output.shape()[0] == 64);
    double worst = 0.0;
    for (std::size_t i = 0; i < 64; ++i) {
      std::array<std::vector<float>, 3> parts;
      for (std::size_t d = 0; d < 3; ++d) parts[d] = prepared<Everything, AsGiven>(digits[d], 37, 53, transform(i, 37, 53));
      for (std::size_t k = 0; k < input.size(); ++k) {
        const double got = static_cast<double>(parts[0][k]) + static_cast<double>(parts[1][k]) / 256.0 +
                           static_cast<double>(parts[2][k]) / 65536.0;
        worst = std::max(worst, std::abs(got - static_cast<double>(output.data()[i * input.size() + k])));
      }
    }
    INFO("worst " << worst);
    CHECK(worst < 1e-3);
  }
}
