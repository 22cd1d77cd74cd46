#include <cxrnet/core/preprocess.hpp>

#include "catch.hpp"

using namespace cxrnet;

namespace {
template <class P>
std::array<float, 3> prepared(std::array<float, 3> rgb) {
  std::array<float, 3> result{};
  for (int c = 0; c < 3; ++c) {
    const auto to = static_cast<std::size_t>(c);
    result[to] = rgb[static_cast<std::size_t>(P::source(c))] * P::scale(c) + P::shift(c);
  }
  return result;
}
}  // namespace

TEST_CASE("Each preprocessing maps RGB as it says", "[core_preprocess]") {
  CHECK(prepared<Rescale<>>({255, 0, 51}) == std::array{255 * Rescale<>::scale(0), 0.0F, 51 * Rescale<>::scale(2)});
  CHECK(Rescale<>::scale(0) == 1.0F / 255.0F);
  CHECK(Rescale<2, 5>::scale(1) == 0.4F);
  const auto caffe = prepared<ImageNetCaffe>({10, 20, 30});  // blue, green, red
  CHECK(caffe[0] == Approx(30 - 103.939));
  CHECK(caffe[1] == Approx(20 - 116.779));
  CHECK(caffe[2] == Approx(10 - 123.68));
  const auto torch = prepared<ImageNetTorch>({0, 127.5F, 255});
  CHECK(torch[0] == Approx(-0.485 / 0.229));
  CHECK(torch[1] == Approx((0.5 - 0.456) / 0.224).epsilon(1e-5));
  CHECK(torch[2] == Approx((1 - 0.406) / 0.225));
  CHECK(prepared<AsGiven>({10, 20, 30}) == std::array{10.0F, 20.0F, 30.0F});
}

TEST_CASE("Preprocessings that differ have names that differ", "[core_preprocess]") {
  CHECK(Rescale<>::name == "rescale");
  CHECK(Rescale<1, 127>::name == "rescale 1/127");
  CHECK(Rescale<2, 255>::name == "rescale 2/255");
  CHECK(ImageNetCaffe::name == "imagenet");
  CHECK(ImageNetTorch::name == "imagenet-torch");
  CHECK(AsGiven::name == "none");
}
