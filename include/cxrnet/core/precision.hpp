#pragma once
#include <cxrnet/core/options.hpp>
#include <cxrnet/op/operation.hpp>

#include <string_view>

namespace cxrnet {

// The numbers that a backbone computes with, an option of its type. What trains computes in Float32.

/// 32-bit floats, the default.
struct Float32 {
  using option = PrecisionOption;
  static constexpr op::Precision precision = op::Precision::float32;
};

/// Bytes: images as they are decoded and activations from 0 to 255, with a scale for each channel that `calibrate` finds;
/// weights from -127 to 127, with a scale for each output channel; exact 32-bit sums. Frozen layers at the network's
/// start: convolutions with ReLU, and pools.
struct Int8 {
  using option = PrecisionOption;
  static constexpr op::Precision precision = op::Precision::int8;
};

/// bfloat16 maps and weights, sums in 32-bit floats. Frozen layers; for processors that have its instructions.
struct Bf16 {
  using option = PrecisionOption;
  static constexpr op::Precision precision = op::Precision::bfloat16;
};

/// "float32", "int8", "bfloat16", as options and files name them.
constexpr std::string_view name_of(op::Precision precision) {
  constexpr std::string_view names[] = {"float32", "int8", "bfloat16"};
  return names[static_cast<int>(precision)];
}

}  // namespace cxrnet
