#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/core/text.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace cxrnet {

// Preprocessing is part of a network's type. A preprocessing type maps public images (RGB, 0 to 255) to what the
// weights were trained with:  prepared[c] = image[source(c)] * scale(c) + shift(c).

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
  static constexpr int source(int channel) { return channel; }
  static constexpr float scale(int) { return static_cast<float>(static_cast<double>(Numerator) / Denominator); }
  static constexpr float shift(int) { return 0.0F; }
  /// "rescale" for the reference's, "rescale 1/127" for others: a file that was trained with one does not fit another.
  static constexpr std::string_view name = written.view();
};

/// RGB to BGR, ImageNet's means subtracted: keras.applications.vgg16.preprocess_input, mode "caffe".
struct ImageNetCaffe {
  using option = PreprocessingOption;
  static constexpr int source(int channel) { return 2 - channel; }
  static constexpr float scale(int) { return 1.0F; }
  static constexpr float shift(int channel) {
    return std::array{-103.939F, -116.779F, -123.68F}[static_cast<std::size_t>(channel)];
  }
  static constexpr std::string_view name = "imagenet";
};

/// RGB to 0 to 1, ImageNet's means subtracted, divided by its standard deviations: what torchvision's weights were
/// trained with, and keras.applications' mode "torch".
struct ImageNetTorch {
  using option = PreprocessingOption;
  static constexpr int source(int channel) { return channel < 3 ? channel : -1; }  // no other channels
  static constexpr float scale(int channel) { return static_cast<float>(1 / (255 * deviation(channel))); }
  static constexpr float shift(int channel) {
    return static_cast<float>(-std::array{0.485, 0.456, 0.406}[static_cast<std::size_t>(channel)] / deviation(channel));
  }
  static constexpr std::string_view name = "imagenet-torch";

 private:
  static constexpr double deviation(int channel) {
    return std::array{0.229, 0.224, 0.225}[static_cast<std::size_t>(channel)];
  }
};

/// Nothing at all: the network takes what it is given. Any number of channels.
struct AsGiven {
  static constexpr int source(int channel) { return channel; }
  static constexpr float scale(int) { return 1.0F; }
  static constexpr float shift(int) { return 0.0F; }
  static constexpr std::string_view name = "none";
};

/// What a preprocessing does to one channel, as numbers.
struct ChannelMap {
  int source = 0;
  float scale = 1;
  float shift = 0;

  friend constexpr bool operator==(const ChannelMap&, const ChannelMap&) = default;
};

template <class Preprocess, int channels>
inline constexpr auto channel_maps_of = [] {
  std::array<ChannelMap, static_cast<std::size_t>(channels)> maps{};
  for (int c = 0; c < channels; ++c) {
    maps[static_cast<std::size_t>(c)] = {Preprocess::source(c), Preprocess::scale(c), Preprocess::shift(c)};
  }
  return maps;
}();

}  // namespace cxrnet
