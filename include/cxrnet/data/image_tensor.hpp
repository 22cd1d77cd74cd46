#pragma once
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/resize.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <xtensor/xtensor.hpp>

namespace cxrnet {

/// Reads images into n x height x width x 3, RGB, 0 to 255, resized by nearest as for training. Throws ImageError.
[[nodiscard]] inline xt::xtensor<std::uint8_t, 4> read_images(std::span<const std::filesystem::path> files,
                                                              int height = 224, int width = 224) {
  const auto rows = static_cast<std::size_t>(height);
  const auto columns = static_cast<std::size_t>(width);
  xt::xtensor<std::uint8_t, 4> images = xt::zeros<std::uint8_t>({files.size(), rows, columns, std::size_t{3}});
  for (std::size_t i = 0; i < files.size(); ++i) {
    resize_nearest(read_image(files[i]), height, width, images.data() + i * rows * columns * 3);
  }
  return images;
}

/// One image, 1 x height x width x 3.
[[nodiscard]] inline xt::xtensor<std::uint8_t, 4> read_image_tensor(const std::filesystem::path& file, int height = 224,
                                                                    int width = 224) {
  return read_images({&file, 1}, height, width);
}

}  // namespace cxrnet
