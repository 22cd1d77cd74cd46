#pragma once
#include <cxrnet/backend/cpu/convolutions.hpp>
#include <cxrnet/backend/onednn/program.hpp>
#include <cxrnet/op/rules.hpp>

#include <cstddef>
#include <string_view>

namespace cxrnet {

/// oneDNN on the CPU in float, the embedded default: bias and ReLU fused into convolutions and dense layers.
template <onednn::Algorithms choice>
struct BasicOneDnn {
  using scalar = float;
  using rules = Rules<FuseBias, FuseRelu>;
  static constexpr std::string_view name = "onednn";

  /// Channels may be padded to a multiple of 16.
  static constexpr std::size_t value_bytes(Dims dims, op::Precision precision = op::Precision::float32) {
    if (precision == op::Precision::int8) return static_cast<std::size_t>(cpu::byte_map(dims).size());
    const Dims padded{dims.rank, dims.height, dims.width, (dims.channels + 15) / 16 * 16};
    return padded.size() * (precision == op::Precision::bfloat16 ? sizeof(float) / 2 : sizeof(float));
  }

  /// Convolutions run up to 8 images at a time: Winograd's workspace grows with them, and its speed does no more. The
  /// capacity is cut into equal parts; a last, smaller part costs as much as a whole one.
  static constexpr int micro_batch(int capacity) {
    const int parts = (capacity + 7) / 8;
    return (capacity + parts - 1) / parts;
  }

  static constexpr bool trains(const op::Operation&) { return true; }
  static constexpr bool runs(const op::Operation& o) {
    return o.precision == op::Precision::bfloat16 && (o.kind == op::Kind::convolution || o.kind == op::Kind::max_pool);
  }

  class Program : public onednn::Program {
   public:
    Program(const ProgramSpec& spec, int batch, const float* parameters)
        : onednn::Program(spec, batch, parameters, choice) {}
  };
};

using OneDnn = BasicOneDnn<onednn::Algorithms::automatic>;
/// Direct convolutions alone: less rounding, slower.
using OneDnnDirect = BasicOneDnn<onednn::Algorithms::direct>;

}  // namespace cxrnet
