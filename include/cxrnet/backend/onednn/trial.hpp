#pragma once
#include <cxrnet/backend/onednn/program.hpp>
#include <cxrnet/core/aligned.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

// The short trial of a convolution's algorithms.
namespace cxrnet::onednn {

namespace detail {

/// Seconds of one pass of a convolution by an algorithm, the best of some; nothing where it is not to be had.
inline std::optional<double> trial(const op::Operation& o, int batch, ConvolutionAlgorithm algorithm) {
  op::Operation alone = o;
  alone.inputs = {0, -1};
  alone.output = 1;
  alone.kernel = 0;
  alone.bias = o.bias < 0 ? -1 : 1;
  alone.segment = -1;
  alone.gradient_in = alone.gradient_parameters = false;
  std::array<ParameterInfo, 2> parameters{};
  parameters[0].parameter = convolution_kernel(o.window.height, o.window.width, o.in.channels, o.out.channels);
  parameters[1].parameter = bias_vector(o.out.channels);
  parameters[1].offset = parameters[0].parameter.size();
  const auto bytes = [](const Dims& dims) {  // channels may be padded to 16
    return Build::rounded(dims.size() / static_cast<std::size_t>(dims.channels) *
                          static_cast<std::size_t>((dims.channels + 15) / 16 * 16) * sizeof(float));
  };
  const std::array<Slot, 2> values{Slot{0, bytes(o.in)}, Slot{bytes(o.in), bytes(o.out)}};
  constexpr std::array<Slot, 2> gradients{};
  const std::array operations{alone};
  const ProgramSpec spec{.operations = operations, .parameters = parameters, .values = values, .gradients = gradients,
                         .bytes = values[1].offset + values[1].bytes, .input = 0, .output = 1, .input_dims = o.in,
                         .output_dims = o.out};
  // Of numbers as networks have them: none of them so small that arithmetic slows down.
  std::vector<float> numbers(parameters[1].offset + parameters[1].parameter.size(), 0.01F);
  try {
    const Program program(spec, batch, numbers.data(), Algorithms::fused, algorithm);
    const AlignedBytes arena(spec.bytes * static_cast<std::size_t>(batch)), workspace(program.workspace_bytes());
    Program::Context context(program, arena.data(), workspace.data());
    Profile profile;
    profile.seconds.resize(1);
    context.profile = &profile;
    const std::vector<float> input(o.in.size() * static_cast<std::size_t>(batch), 0.5F);
    double best = std::numeric_limits<double>::infinity();
    const auto began = std::chrono::steady_clock::now();
    for (int pass = 0; pass < 3 || (pass < 12 && std::chrono::steady_clock::now() - began < std::chrono::milliseconds(60)); ++pass) {
      profile.seconds[0] = 0;
      program.forward(context, input.data(), batch, nullptr);
      if (pass > 0) best = std::min(best, profile.seconds[0]);
    }
    return best;
  } catch (const BackendError&) {
    return std::nullopt;
  }
}

}  // namespace detail

inline ConvolutionAlgorithm AlgorithmBook::choose(const op::Operation& o, int batch) {
  using enum ConvolutionAlgorithm;
  const std::string key = choice_key(o, batch);
  if (const auto given = choices_.find(key); given != choices_.end()) {
    for (const auto algorithm : {winograd, onednn_winograd, direct}) {
      if (given->second != name_of(algorithm)) continue;
      if (algorithm != onednn_winograd || onednn::winograd(unpooled(o), batch)) return algorithm;
      throw BackendError("The algorithm 'onednn_winograd', chosen for " + key + ", is not to be had from " + version() +
                         " on this processor: choose another, or leave this one out.");
    }
    throw BackendError("'" + given->second + "', chosen for " + key +
                       ", is no algorithm: there are winograd, onednn_winograd and direct.");
  }
  auto fastest = winograd;
  double best = std::numeric_limits<double>::infinity();
  for (const auto algorithm : {winograd, onednn_winograd, direct}) {
    const auto seconds = detail::trial(o, batch, algorithm);
    if (!seconds || *seconds >= best) continue;
    best = *seconds;
    fastest = algorithm;
  }
  choices_.emplace(key, name_of(fastest));
  ++tried_;
  return fastest;
}

}  // namespace cxrnet::onednn
