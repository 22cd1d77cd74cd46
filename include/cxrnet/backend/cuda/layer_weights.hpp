#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/weight_kernels.hpp>
#include <cxrnet/backend/program.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace cxrnet::cuda {

/// The numbers of an operation's parameters: kernel, bias, and a batch normalisation's gamma, beta, mean and variance; -1: none.
constexpr std::array<int, 6> parameters_of(const op::Operation& o) {
  std::array<int, 6> numbers{o.kernel, o.bias, -1, -1, -1, -1};
  if (o.kind != op::Kind::batch_norm) return numbers;
  for (int k = 0; k < 4; ++k) numbers[static_cast<std::size_t>(2 + k)] = o.first_parameter + k;
  return numbers;
}

/// What an operation's layer has on a device: its parameters in floats, those that change where `trained` has them; a
/// convolution's working copies, and the plans of its graphs. `data_relu` says whether the gradient of its input passes the ReLU
/// that made that input.
template <Number number, class Device>
struct LayerWeights {
  using T = Storage<number>;
  using Plan = typename Device::Plan;

  LayerWeights(Device& device, const ProgramSpec& spec, const op::Operation& o, int batch, bool data_relu, float* trained) {
    const auto info = [&](int p) -> const ParameterInfo& { return spec.parameters[static_cast<std::size_t>(p)]; };
    const auto trains = [&](int p) { return p >= 0 && info(p).trains; };
    const std::array<int, 6> numbers = parameters_of(o);
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      if (numbers[k] < 0) continue;
      if (!info(numbers[k]).changes()) own[k] = Buffer<Device>(device, info(numbers[k]).parameter.size() * sizeof(float));
      parameters[k] = info(numbers[k]).changes() ? trained + info(numbers[k]).gradient : own[k].template as<float>();
    }
    if (o.kind != op::Kind::convolution) return;
    const Graph graph = forward_graph(o, number, batch);
    shape = {o.window.height, o.window.width, o.in.channels, o.out.channels, graph.in.channels, graph.out.channels};
    packed = Buffer<Device>(device, static_cast<std::size_t>(shape.working()) * sizeof(T));
    if (o.bias >= 0) packed_bias = Buffer<Device>(device, static_cast<std::size_t>(shape.out_stride) * sizeof(T));
    forward = &device.plan(graph);
    Graph back = graph;
    back.bias = back.relu = false;
    if (trains(o.kernel)) {
      back.pattern = Pattern::weight_gradient;
      weight_gradient = &device.plan(back);
    }
    if (trains(o.bias)) bias_gradient = &device.plan(bias_gradient_graph(graph));
    if (o.gradient_in) {
      back.pattern = Pattern::data_gradient;
      back.relu = data_relu;
      data_gradient = &device.plan(back);
    }
  }

  [[nodiscard]] float* kernel() const { return parameters[0]; }
  [[nodiscard]] float* bias() const { return parameters[1]; }
  [[nodiscard]] float* gamma() const { return parameters[2]; }
  [[nodiscard]] float* beta() const { return parameters[3]; }
  [[nodiscard]] float* mean() const { return parameters[4]; }
  [[nodiscard]] float* variance() const { return parameters[5]; }

  /// What makes a convolution's working copies anew.
  [[nodiscard]] PackWeights<T> packing() const {
    return {shape, kernel(), bias(), packed.template as<T>(), packed_bias.template as<T>()};
  }

  /// Scratch that its plans need at most.
  [[nodiscard]] std::size_t workspace_bytes() const {
    std::size_t most = 0;
    for (const Plan* plan : {forward, data_gradient, weight_gradient, bias_gradient}) {
      if (plan != nullptr) most = std::max(most, plan->workspace_bytes);
    }
    return most;
  }
  /// What its gradients take in the layouts that cuDNN gives them in.
  [[nodiscard]] std::size_t kernel_gradient_bytes() const { return weight_gradient == nullptr ? 0 : packed.bytes(); }
  [[nodiscard]] std::size_t bias_gradient_bytes() const {
    return bias_gradient == nullptr ? 0 : static_cast<std::size_t>(shape.out_stride) * sizeof(float);
  }
  /// What runs it, forward and backward.
  [[nodiscard]] std::string forward_name() const { return forward == nullptr ? "kernel" : forward->name; }
  [[nodiscard]] std::string backward_name() const {
    std::string name;
    for (const Plan* plan : {weight_gradient, data_gradient}) {
      if (plan != nullptr) name += (name.empty() ? "" : ",") + plan->name;
    }
    return name.empty() ? "kernel" : name;
  }

  ConvolutionWeights shape{};
  std::array<float*, 6> parameters{};  ///< of parameters_of, logical
  std::array<Buffer<Device>, 6> own;   ///< of what does not change
  Buffer<Device> packed, packed_bias;  ///< working copies
  std::size_t kernel_gradient_at = 0;   ///< where its gradients lie among others
  std::size_t bias_gradient_at = 0;
  const Plan* forward = nullptr;       ///< plans are null where they are not needed
  const Plan* data_gradient = nullptr;
  const Plan* weight_gradient = nullptr;
  const Plan* bias_gradient = nullptr;
};

}  // namespace cxrnet::cuda
