#pragma once
#include <cxrnet/backend/onednn/primitives.hpp>
#include <cxrnet/core/aligned.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

// The short trial of a convolution's algorithms.
namespace cxrnet::onednn {

/// One convolution by itself, by one algorithm. BackendError where that is not to be had.
class ConvolutionAlone {
 public:
  /// `parameters` are its kernel (HWIO) and, where it has one, its bias.
  ConvolutionAlone(const op::Operation& o, int batch, ConvolutionAlgorithm algorithm, std::vector<float> parameters)
      : operation_{alone(o)},
        infos_(infos(o)),
        values_{Slot{0, bytes(o.in)}, Slot{bytes(o.in), bytes(o.out)}},
        parameters_(std::move(parameters)),
        program_(spec(), batch, parameters_.data(), Algorithms::fused, algorithm),
        arena_(spec().bytes * static_cast<std::size_t>(batch)),
        workspace_(program_.workspace_bytes()),
        context_(program_, arena_.data(), workspace_.data()) {
    profile_.seconds.resize(1);
    context_.profile = &profile_;
  }
  ConvolutionAlone(const ConvolutionAlone&) = delete;
  ConvolutionAlone& operator=(const ConvolutionAlone&) = delete;
  ~ConvolutionAlone() = default;

  static std::size_t parameter_count(const op::Operation& o) {
    return infos(o)[0].parameter.size() + (o.bias < 0 ? 0 : infos(o)[1].parameter.size());
  }
  /// Seconds of a pass over a whole batch of plain NHWC images; their layouts' changes are not counted. `output` may be null.
  double forward(const float* input, float* output) {
    profile_.seconds[0] = 0;
    program_.forward(context_, input, program_.batch(), output);
    return profile_.seconds[0];
  }

 private:
  static op::Operation alone(op::Operation o) {
    o.inputs = {0, -1};
    o.output = 1;
    o.kernel = 0;
    o.bias = o.bias < 0 ? -1 : 1;
    o.segment = -1;
    o.gradient_in = o.gradient_parameters = false;
    return o;
  }
  static std::array<ParameterInfo, 2> infos(const op::Operation& o) {
    std::array<ParameterInfo, 2> both{};
    both[0].parameter = convolution_kernel(o.window.height, o.window.width, o.in.channels, o.out.channels);
    both[1].parameter = bias_vector(o.out.channels);
    both[1].offset = both[0].parameter.size();
    return both;
  }
  /// Of an image's map, whose channels may be padded to 16.
  static std::size_t bytes(const Dims& dims) {
    const auto channels = static_cast<std::size_t>(dims.channels);
    return Build::rounded(dims.size() / channels * ((channels + 15) / 16 * 16) * sizeof(float));
  }
  [[nodiscard]] ProgramSpec spec() const {
    static constexpr std::array<Slot, 2> gradients{};
    const op::Operation& o = operation_[0];
    return {.operations = operation_, .parameters = infos_, .values = values_, .gradients = gradients,
            .bytes = values_[1].offset + values_[1].bytes, .input = 0, .output = 1, .input_dims = o.in, .output_dims = o.out};
  }

  std::array<op::Operation, 1> operation_;
  std::array<ParameterInfo, 2> infos_;
  std::array<Slot, 2> values_;
  std::vector<float> parameters_;
  Primitives program_;
  AlignedBytes arena_, workspace_;
  Primitives::Context context_;
  Profile profile_;
};

/// Seconds of one pass of a convolution by an algorithm, the best of some; nothing where it is not to be had.
inline std::optional<double> trial(const op::Operation& o, int batch, ConvolutionAlgorithm algorithm) {
  try {
    // Of numbers as networks have them: none of them so small that arithmetic slows down.
    ConvolutionAlone alone(o, batch, algorithm, std::vector<float>(ConvolutionAlone::parameter_count(o), 0.01F));
    const std::vector<float> input(o.in.size() * static_cast<std::size_t>(batch), 0.5F);
    alone.forward(input.data(), nullptr);
    double best = std::numeric_limits<double>::infinity(), all = 0;
    for (int pass = 0; pass < 2 || (pass < 12 && all < 0.05); ++pass) {
      const double seconds = alone.forward(input.data(), nullptr);
      best = std::min(best, seconds);
      all += seconds;
    }
    return best;
  } catch (const BackendError&) {
    return std::nullopt;
  }
}

}  // namespace cxrnet::onednn
