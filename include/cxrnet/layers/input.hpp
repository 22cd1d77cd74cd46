#pragma once
#include <cxrnet/core/layer.hpp>
#include <cxrnet/core/preprocess.hpp>

namespace cxrnet {

/// The first layer where no backbone implies it: images of Height x Width x Channels, 0 to 255, preprocessed as said.
template <int Height, int Width, int Channels, class Preprocessing = AsGiven>
struct Input {
  using Preprocess = Preprocessing;
  static constexpr Dims implies = image_dims(Height, Width, Channels);

  static constexpr std::string_view kind = "input_layer";
  using expects = Nothing;
  static constexpr bool accepts(Dims in) { return in.rank == 0; }
  static constexpr Dims output(Dims) { return implies; }
  static constexpr void lower(op::Builder&) {
    static_assert(Height > 0 && Width > 0 && Channels > 0,
                  "cxrnet: Input<Height, Width, Channels> needs positive sizes");
    static_assert(reads_its_channels(), "cxrnet: this preprocessing reads a channel that the input does not have");
  }

 private:
  static constexpr bool reads_its_channels() {
    for (int c = 0; c < Channels; ++c) {
      if (Preprocessing::source(c) < 0 || Preprocessing::source(c) >= Channels) return false;
    }
    return true;
  }
};

}  // namespace cxrnet
