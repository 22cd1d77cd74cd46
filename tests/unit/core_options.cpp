#include <cxrnet/core/options.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/layers/activation.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("An option is found anywhere, the default where there is none", "[core_options]") {
  CHECK(std::is_same_v<option_of<PaddingOption, Valid, Stride<2>, Same, Relu>, Same>);
  CHECK(std::is_same_v<option_of<ActivationOption, Linear, Stride<2>, Same, Relu>, Relu>);
  CHECK(std::is_same_v<option_of<PaddingOption, Valid, Stride<2>, Relu>, Valid>);
  CHECK(std::is_same_v<option_of<PaddingOption, Valid>, Valid>);
  CHECK(option_of<StrideOption, Stride<1>, Relu, Stride<3>>::step == 3);
}

TEST_CASE("Options of one category exclude each other, and strangers are refused", "[core_options]") {
  using Convolution = Allowed<ActivationOption, PaddingOption, StrideOption>;
  CHECK(Convolution::by<>);
  CHECK(Convolution::by<Stride<2>, Relu, Same>);
  CHECK_FALSE(Convolution::by<Same, Valid>);
  CHECK_FALSE(Convolution::by<Same, Same>);
  CHECK_FALSE(Convolution::by<Relu, ImageNetCaffe>);
  CHECK_FALSE(Convolution::by<int>);
  CHECK_FALSE(Allowed<>::by<Relu>);
}
