#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/model.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <xtensor/xexpression.hpp>
#include <xtensor/xtensor.hpp>

namespace cxrnet {

/// xtensor's containers, views and expressions as host tensors: what `predict` and `features` take. Images are n x
/// height x width x channels, 0 to 255, of any element type; strided views are copied in row-major order first.
template <class E>
  requires xt::is_xexpression<E>::value
struct HostTensor<E> {
  /// `run` on the images' span and on a matrix of n x `columns`, which is returned. ArgumentError for another shape.
  template <class Run>
  static xt::xtensor<float, 2> apply(const E& images, Dims input, std::size_t columns, Run run) {
    using Pixel = std::conditional_t<std::is_same_v<typename E::value_type, std::uint8_t>, std::uint8_t, float>;
    const auto& shape = images.shape();
    const bool fits = images.dimension() == 4 && static_cast<int>(shape[1]) == input.height &&
                      static_cast<int>(shape[2]) == input.width && static_cast<int>(shape[3]) == input.channels;
    if (!fits) {
      std::string got;
      for (std::size_t i = 0; i < images.dimension(); ++i) got += (i == 0 ? "" : " x ") + std::to_string(shape[i]);
      throw ArgumentError("The network takes images of n x " + std::to_string(input.height) + " x " +
                          std::to_string(input.width) + " x " + std::to_string(input.channels) + ", the tensor is " +
                          got + ".");
    }
    const xt::xtensor<Pixel, 4, xt::layout_type::row_major> plain = xt::cast<Pixel>(images);
    xt::xtensor<float, 2> result = xt::zeros<float>({static_cast<std::size_t>(shape[0]), columns});
    run(std::span<const Pixel>(plain.data(), plain.size()), std::span<float>(result.data(), result.size()));
    return result;
  }
};

}  // namespace cxrnet
