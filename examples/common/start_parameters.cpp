#include "common/start_parameters.hpp"

#include "variants/variants.hpp"

#include <cxrnet/core/error.hpp>
#include <cxrnet/core/precision.hpp>
#include <cxrnet/io/model_io.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>

namespace cxrnet::programs {

namespace {

/// Up to 96 images of a data set, evenly spread, as they are decoded.
std::vector<std::uint8_t> calibration_images(const ImageDataset& images) {
  const std::size_t count = std::min<std::size_t>(96, images.size());
  std::vector<std::uint8_t> all, scratch;
  all.reserve(count * images.image_bytes());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* const pixels = images.pixels(i * images.size() / count, scratch);
    all.insert(all.end(), pixels, pixels + images.image_bytes());
  }
  return all;
}

}  // namespace

std::vector<float> start_parameters(const TrainSettings& settings, const ImageDataset& images) {
  if (!std::filesystem::exists(settings.weights)) {
    throw FileError("There are no weights at '" + settings.weights.string() +
                    "': run `bash weights/fetch.sh`, or name a file with --weights.");
  }
  const Variant variant{.preprocess = settings.preprocess, .precision = settings.precision};
  std::vector<float> parameters = initial_parameters(variant, settings.seed);
  take_parameters(describe(variant), read_weights(settings.weights), settings.weights.string(), Which::backbone, parameters);
  if (settings.precision == name_of(op::Precision::int8)) {
    calibrate(variant, parameters, calibration_images(images));
  }
  return parameters;
}

}  // namespace cxrnet::programs
