#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/current.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/parallel.hpp>
#include <cxrnet/op/operation.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace cxrnet::onednn {

/// Which convolution algorithms may be picked. `direct` gives the least rounding; `automatic` takes Winograd (Lavin
/// and Gray 2015) where oneDNN has it for the processor: F(4x4, 3x3) or F(2x2, 3x3), two to three times as fast; `fused`
/// takes our own F(4x4, 3x3) before either, forward and for the gradient of what a convolution reads; `compact` the same,
/// with weights packed anew in each pass, one convolution's at a time, where they would take four times their memory.
enum class Algorithms { automatic, direct, fused, compact };

/// How a convolution in float is computed: by our own Winograd F(4x4, 3x3), by oneDNN's, or directly by oneDNN.
enum class ConvolutionAlgorithm { winograd, onednn_winograd, direct };

inline constexpr std::string_view name_of(ConvolutionAlgorithm algorithm) {
  constexpr std::string_view names[] = {"winograd", "onednn_winograd", "direct"};
  return names[static_cast<int>(algorithm)];
}

/// What a choice depends on: "convolution+bias+relu 56x56x256 to 56x56x256, batch 4, threads 2".
inline std::string choice_key(const op::Operation& o, int batch) {
  const auto dims = [](const Dims& d) {
    return std::to_string(d.height) + "x" + std::to_string(d.width) + "x" + std::to_string(d.channels);
  };
  return describe(o) + " " + dims(o.in) + " to " + dims(o.out) + ", batch " + std::to_string(batch) + ", threads " +
         std::to_string(thread_count());
}

/// The algorithms of convolutions for which there are several, by choice_key: those given, and for others the fastest in a
/// short trial, made when a network is built that has them. Another algorithm changes last bits: keep the choices and give
/// them again for the same results.
class AlgorithmBook {
 public:
  using Choices = std::map<std::string, std::string>;

  explicit AlgorithmBook(Choices choices = {}) : choices_(std::move(choices)) {}

  /// BackendError where the choice given is no algorithm, or one that this processor or this oneDNN lacks.
  ConvolutionAlgorithm choose(const op::Operation& o, int batch);

  [[nodiscard]] const Choices& choices() const { return choices_; }
  /// How many were found by trial.
  [[nodiscard]] int tried() const { return tried_; }

 private:
  Choices choices_;
  int tried_ = 0;
};

/// While one lives, networks that this thread builds on Cpu take their algorithms from a book instead of by rule, which is
/// our own Winograd wherever it computes a convolution.
using WithAlgorithms = WithCurrent<AlgorithmBook>;

}  // namespace cxrnet::onednn

namespace cxrnet {
using onednn::AlgorithmBook;
using onednn::WithAlgorithms;
}  // namespace cxrnet
