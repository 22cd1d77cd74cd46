#pragma once
#include <cxrnet/core/description.hpp>

#include <cstddef>

namespace cxrnet {

/// The map that is flattened into the values that parameter `index` of a dense layer or a normalisation counts; no
/// shape where there is none.
inline Dims flattened_map(const Description& network, std::size_t index) {
  int value = -1;
  for (std::size_t k = network.operations.size(); k-- > 0;) {
    const op::Operation& o = network.operations[k];
    const auto i = static_cast<int>(index);
    const bool reads =
        o.kernel == i || (o.kind == op::Kind::batch_norm && o.first_parameter <= i && i < o.first_parameter + 4);
    if (reads && o.in.is_vector()) value = o.inputs[0];
    if (o.output != value) continue;
    if (o.kind == op::Kind::flatten && o.in.is_image()) return o.in;
    if (o.in != o.out) break;
    value = o.inputs[0];
  }
  return {};
}

}  // namespace cxrnet
