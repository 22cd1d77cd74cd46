#pragma once
#include <cxrnet/core/description.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/loader.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/classifier_interface.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

namespace detail {

inline std::string shape_text(Dims dims) {
  const auto channels = std::to_string(dims.channels);
  if (dims.is_vector()) return "(None, " + channels + ")";
  return "(None, " + std::to_string(dims.height) + ", " + std::to_string(dims.width) + ", " + channels + ")";
}

/// 14714688 as "14,714,688".
inline std::string grouped(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

/// 58858752 as "56.13 MB" (1 MB = 1024 KB, as Keras counts).
inline std::string bytes_text(std::size_t bytes) {
  static constexpr std::array units{"B", "KB", "MB", "GB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return with_decimals(value, unit == 0 ? 0 : 2) + " " + units[unit];
}

/// Rows of equal length as an aligned table, the first row underlined; columns from `numbers` on are right-aligned.
inline std::string aligned_table(const std::vector<std::vector<std::string>>& rows, std::size_t numbers) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      line += c == 0 ? "" : "  ";
      line += c >= numbers ? right_aligned(rows[r][c], widths[c]) : left_aligned(rows[r][c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
    if (r == 0) {
      std::size_t length = 2 * (widths.size() - 1);
      for (const std::size_t width : widths) length += width;
      text += std::string(length, '-') + '\n';
    }
  }
  return text;
}

}  // namespace detail

/// Layers, output shapes, parameters, which of them train, and floating-point operations, as Keras prints a model.
[[nodiscard]] inline std::string summary(const Description& network) {
  std::vector<std::vector<std::string>> rows{{"Layer", "Kind", "Output shape", "Param #", "Trains", "MFLOP/image"}};
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const LayerInfo& layer = network.layers[i];
    double flops = 0;
    for (const auto& o : network.operations) flops += o.layer == static_cast<int>(i) ? op::flops(o) : 0;
    rows.push_back({std::string(layer.name.view()), std::string(layer.kind), detail::shape_text(layer.out),
                    detail::grouped(layer.parameters), layer.parameter_count == 0 ? "" : layer.trains ? "yes" : "no",
                    flops == 0 ? "" : with_decimals(flops / 1e6, 1)});
  }
  const auto total = [](std::size_t count) {
    return detail::grouped(count) + " (" + detail::bytes_text(count * sizeof(float)) + ")\n";
  };
  return detail::aligned_table(rows, 3) + "\nTotal params: " + total(network.parameter_count) +
         "Trainable params: " + total(network.trainable_count) +
         "Non-trainable params: " + total(network.parameter_count - network.trainable_count) +
         "Preprocessing: " + std::string(network.preprocess) +
         "\nFloating-point operations: " + with_decimals(network.flops / 1e9, 2) + " GFLOP an image\n";
}

/// Bytes by use, for the classifier's capacity; of images with the default options.
[[nodiscard]] inline std::string memory_summary(const Classifier& net) {
  const Classifier::Memory memory = net.memory();
  const auto line = [](std::string_view what, std::size_t bytes) {
    return "  " + left_aligned(what, 34) + right_aligned(detail::bytes_text(bytes), 12) + '\n';
  };
  return "\nMemory for batches of " + std::to_string(net.capacity()) + " on " + std::string(net.backend()) + ":\n" +
         line("parameters", net.description().parameter_count * sizeof(float)) +
         line("weights packed by the backend", memory.packed) + line("arena, inference", memory.arena) +
         line("workspace of the backend", memory.workspace) + line("arena, training step", memory.training_arena) +
         line("gradients", memory.gradients) + line("optimiser state", memory.optimizer) +
         line("images prepared by the loader", (LoaderOptions{}.ahead + 1) * static_cast<std::size_t>(net.capacity()) *
                                                   net.description().input.size() * sizeof(float)) +
         line("images decoded, of each kept", net.description().input.size()) + "    at most " +
         detail::bytes_text(DatasetOptions{}.memory) + " of each data set\n";
}

/// The operations that a backend runs after fusion, their operands, and the algorithms that it picked.
[[nodiscard]] inline std::string fused_summary(const Description& network, std::span<const op::Operation> operations,
                                               const std::vector<Algorithm>& algorithms) {
  std::vector<std::vector<std::string>> rows{{"#", "Layer", "Operation", "Reads", "Gives", "Output shape", "Algorithm"}};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const op::Operation& o = operations[i];
    std::string reads = "%" + std::to_string(o.inputs[0]);
    if (o.input_count() > 1) reads += ", %" + std::to_string(o.inputs[1]);
    rows.push_back({std::to_string(i), std::string(network.layers[static_cast<std::size_t>(o.layer)].name.view()),
                    describe(o), reads, "%" + std::to_string(o.output), detail::shape_text(o.out),
                    i < algorithms.size() ? algorithms[i].name : ""});
  }
  return detail::aligned_table(rows, rows.front().size());
}

}  // namespace cxrnet
