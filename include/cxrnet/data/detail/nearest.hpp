#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

namespace cxrnet::detail {

/// The source index of each of `to` pixels. Pillow walks the source coordinate in double precision, and where a step
/// is not exact its rounding differs from that of the formula (i + 0.5) * from / to.
inline std::vector<std::size_t> nearest_indices(int from, int to) {
  const double step = static_cast<double>(from) / to;
  std::vector<std::size_t> indices(static_cast<std::size_t>(to));
  double coordinate = step * 0.5;
  for (auto& index : indices) {
    index = static_cast<std::size_t>(std::min(static_cast<int>(coordinate), from - 1));
    coordinate += step;
  }
  return indices;
}

}  // namespace cxrnet::detail
