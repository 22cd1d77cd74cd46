#pragma once
#include <cxrnet/report/text.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cxrnet {

/// What one operation cost over a run.
struct LayerTime {
  std::string name;       ///< Of the layer: "block1_conv1".
  std::string operation;  ///< What ran: "conv+bias+relu+pool".
  double milliseconds = 0.0;
  double flops = 0.0;  ///< Floating-point operations in that time; 0 where they are not counted.
};

/// A table of time by layer: name, operation, milliseconds, share of the sum, GFLOP/s; a row of totals.
[[nodiscard]] inline std::string profile_table(std::span<const LayerTime> layers) {
  LayerTime total{.name = "total", .operation = ""};
  std::size_t name_width = total.name.size();
  std::size_t operation_width = std::string_view("operation").size();
  for (const LayerTime& layer : layers) {
    total.milliseconds += layer.milliseconds;
    total.flops += layer.flops;
    name_width = std::max(name_width, display_width(layer.name));
    operation_width = std::max(operation_width, display_width(layer.operation));
  }
  const auto row = [&](std::string_view name, std::string_view operation, const std::string& milliseconds,
                       const std::string& share, const std::string& speed) {
    return left_aligned(name, name_width) + "  " + left_aligned(operation, operation_width) +
           right_aligned(milliseconds, 12) + right_aligned(share, 9) + right_aligned(speed, 10) + "\n";
  };
  const auto layer_row = [&](const LayerTime& layer) {
    const bool timed = layer.milliseconds > 0.0;
    return row(layer.name, layer.operation, with_decimals(layer.milliseconds, 2),
               timed ? with_decimals(100.0 * layer.milliseconds / total.milliseconds, 1) + " %" : "-",
               timed && layer.flops > 0.0 ? with_decimals(layer.flops / layer.milliseconds * 1e-6, 1) : "-");
  };
  std::string text = row("layer", "operation", "ms", "share", "GFLOP/s");
  for (const LayerTime& layer : layers) text += layer_row(layer);
  return text + layer_row(total);
}

}  // namespace cxrnet
