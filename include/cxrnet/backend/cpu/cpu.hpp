#pragma once
#include <cxrnet/backend/cpu/winograd.hpp>
#include <cxrnet/backend/onednn/onednn.hpp>

#include <string_view>

namespace cxrnet {

/// convolution (with what is fused) + max pool, where our own convolution computes both.
struct FuseWinogradMaxPool {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode mode) {
    op::Operation both = first;
    if (!FuseMaxPool::fuse(both, next, mode) || !cpu::has_winograd(both)) return false;
    first.pool = both.pool;
    return true;
  }
};

/// The processor's best: our own Winograd convolutions, with bias, ReLU and 2x2 maximum in one pass, for what does not
/// train; oneDNN for all else. The embedded default.
struct Cpu : BasicOneDnn<onednn::Algorithms::fused> {
  using rules = Rules<FuseBias, FuseRelu, FuseWinogradMaxPool>;
  static constexpr std::string_view name = "cpu";
};

}  // namespace cxrnet
