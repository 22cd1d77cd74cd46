#pragma once
#include <cstddef>
#include <cstdint>

// PNG's filters undone, in place (PNG specification, 9.2): each byte is the sum of what is stored and of a prediction
// from the pixel to the left (a), the one above (b) and the one above that (c), which are 0 outside the image.
namespace cxrnet::detail {

enum class PngFilter : std::uint8_t { none, sub, up, average, paeth };

inline constexpr std::uint8_t png_filters = 5;

/// The specification's choice of a, b or c nearest to a + b - c, without branches.
constexpr int paeth(int a, int b, int c) {
  const int threshold = 3 * c - (a + b);
  const int low = a < b ? a : b;
  const int high = a < b ? b : a;
  const int inner = high <= threshold ? low : c;
  return threshold <= low ? high : inner;
}

namespace png_filter {

/// Pixels of a size known at compile time, so that their bytes, which do not depend on each other, run abreast.
template <std::size_t Step, class Predict>
void undo(std::uint8_t* row, const std::uint8_t* above, std::size_t size, Predict predict) {
  int left[Step] = {};
  int above_left[Step] = {};
  for (std::size_t i = 0; i < size; i += Step) {
    for (std::size_t k = 0; k < Step; ++k) {
      const int up = above[i + k];
      left[k] = (row[i + k] + predict(left[k], up, above_left[k])) & 0xFF;
      above_left[k] = up;
      row[i + k] = static_cast<std::uint8_t>(left[k]);
    }
  }
}

template <std::size_t Step>
void undo(PngFilter filter, std::uint8_t* row, const std::uint8_t* above, std::size_t size) {
  switch (filter) {
    case PngFilter::none: break;
    case PngFilter::sub: undo<Step>(row, above, size, [](int a, int, int) { return a; }); break;
    case PngFilter::up:
      for (std::size_t i = 0; i < size; ++i) row[i] = static_cast<std::uint8_t>(row[i] + above[i]);
      break;
    case PngFilter::average: undo<Step>(row, above, size, [](int a, int b, int) { return (a + b) >> 1; }); break;
    case PngFilter::paeth: undo<Step>(row, above, size, paeth); break;
  }
}

}  // namespace png_filter

/// Undoes the filter of a row of `size` bytes, a multiple of the pixel's `step` (1, 2, 3, 4, 6 or 8 bytes); `above` is
/// the row before it, already undone, or zeros.
inline void undo_png_filter(PngFilter filter, std::uint8_t* row, const std::uint8_t* above, std::size_t size,
                            std::size_t step) {
  switch (step) {
    case 1: return png_filter::undo<1>(filter, row, above, size);
    case 2: return png_filter::undo<2>(filter, row, above, size);
    case 3: return png_filter::undo<3>(filter, row, above, size);
    case 4: return png_filter::undo<4>(filter, row, above, size);
    case 6: return png_filter::undo<6>(filter, row, above, size);
    default: return png_filter::undo<8>(filter, row, above, size);
  }
}

}  // namespace cxrnet::detail
