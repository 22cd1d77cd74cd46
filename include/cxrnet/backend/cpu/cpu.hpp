#pragma once
#include <cxrnet/backend/onednn/onednn.hpp>

#include <string_view>

namespace cxrnet {

/// convolution (with what is fused) + max pool, where our own convolution computes both.
struct FuseCpuMaxPool {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode mode) {
    op::Operation both = first;
    if (!FuseMaxPool::fuse(both, next, mode)) return false;
    if (!cpu::has_winograd(both) && !cpu::has_byte_convolution(both)) return false;
    first.pool = both.pool;
    return true;
  }
};

/// Two convolutions of large maps behind each other, which run tile by tile.
struct ChainConvolutions {
  static constexpr bool fuse(op::Operation&, const op::Operation&, Mode) { return false; }
  static constexpr bool chains(const op::Operation& first, const op::Operation& next) { return cpu::chains(first, next); }
};

/// The processor's best: our own convolutions, with bias, ReLU and 2x2 maximum in one pass, for what does not train,
/// Winograd's in float, those of large maps tile by tile with the one before, and direct ones in int8; oneDNN for all else. The embedded default.
template <onednn::Algorithms choice>
struct BasicCpu : BasicOneDnn<choice> {
  using rules = Rules<FuseBias, FuseRelu, FuseCpuMaxPool, ChainConvolutions>;
  static constexpr std::string_view name = "cpu";
  static constexpr bool runs(const op::Operation& o) {
    return o.precision == op::Precision::int8 ? cpu::has_byte_convolution(o) : BasicOneDnn<choice>::runs(o);
  }
  /// Up to 4 images at a time: more are no faster, and their maps take memory.
  static constexpr int micro_batch(int capacity) {
    const int parts = (capacity + 3) / 4;
    return (capacity + parts - 1) / parts;
  }
};

struct Cpu : BasicCpu<onednn::Algorithms::fused> {};
/// The same in the least memory, for a few passes: weights are packed anew in each.
struct CompactCpu : BasicCpu<onednn::Algorithms::compact> {};

}  // namespace cxrnet
