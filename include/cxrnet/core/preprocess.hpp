#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/core/text.hpp>

#include <array>
#include <string_view>

namespace cxrnet {

// Preprocessing is part of a network's type. A preprocessing type maps public images (RGB, 0 to 255) to what the
// weights were trained with:  prepared[c] = image[source(c)] * scale + shift[c],  c = 0, 1, 2.

/// x * Numerator / Denominator, RGB kept: the reference's ImageDataGenerator(rescale=1/255).
template <int Numerator = 1, int Denominator = 255>
struct Rescale {
 private:
  static constexpr Name written =
      Numerator == 1 && Denominator == 255
          ? Name("rescale")
          : Name("rescale ").append_number(Numerator).append("/").append_number(Denominator);

 public:
  static_assert(Numerator > 0 && Denominator > 0, "cxrnet: Rescale<Numerator, Denominator> needs positive numbers");
  using option = PreprocessingOption;
  static constexpr float scale = static_cast<float>(static_cast<double>(Numerator) / Denominator);
  static constexpr std::array<float, 3> shift{0.0F, 0.0F, 0.0F};
  static constexpr int source(int channel) { return channel; }
  /// "rescale" for the reference's, "rescale 1/127" for others: a file that was trained with one does not fit another.
  static constexpr std::string_view name = written.view();
};

/// RGB to BGR, ImageNet's means subtracted: keras.applications.vgg16.preprocess_input, mode "caffe".
struct ImageNetCaffe {
  using option = PreprocessingOption;
  static constexpr float scale = 1.0F;
  static constexpr std::array<float, 3> shift{-103.939F, -116.779F, -123.68F};
  static constexpr int source(int channel) { return 2 - channel; }
  static constexpr std::string_view name = "imagenet";
};

/// Nothing at all: the network takes what it is given. Any number of channels.
struct AsGiven {
  static constexpr float scale = 1.0F;
  static constexpr std::array<float, 3> shift{0.0F, 0.0F, 0.0F};
  static constexpr int source(int channel) { return channel; }
  static constexpr std::string_view name = "none";
};

}  // namespace cxrnet
