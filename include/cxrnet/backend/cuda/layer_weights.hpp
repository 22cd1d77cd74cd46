#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/weight_kernels.hpp>
#include <cxrnet/backend/program.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace cxrnet::cuda {

/// What an operation's layer has on a device: its parameters in floats, those that train where `trained` has them; a
/// convolution's working copies, and the plans of its graphs. `data_relu` says whether the gradient of its input passes the ReLU
/// that made that input.
template <Number number, class Device>
struct LayerWeights {
  using T = Storage<number>;
  using Plan = typename Device::Plan;

  LayerWeights(Device& device, const ProgramSpec& spec, const op::Operation& o, int batch, bool data_relu, float* trained) {
    const auto info = [&](int p) -> const ParameterInfo& { return spec.parameters[static_cast<std::size_t>(p)]; };
    const auto trains = [&](int p) { return p >= 0 && info(p).trains; };
    const auto place = [&](int p, Buffer<Device>& own) -> float* {
      if (p < 0) return nullptr;
      if (trains(p)) return trained + info(p).gradient;
      own = Buffer<Device>(device, info(p).parameter.size() * sizeof(float));
      return own.template as<float>();
    };
    kernel = place(o.kernel, own_kernel);
    bias = place(o.bias, own_bias);
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

  /// What makes a convolution's working copies anew.
  [[nodiscard]] PackWeights<T> packing() const {
    return {shape, kernel, bias, packed.template as<T>(), packed_bias.template as<T>()};
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
  float* kernel = nullptr;             ///< logical, as the bias
  float* bias = nullptr;
  Buffer<Device> own_kernel, own_bias;  ///< of what does not train
  Buffer<Device> packed, packed_bias;  ///< working copies
  std::size_t kernel_gradient_at = 0;   ///< where its gradients lie among others
  std::size_t bias_gradient_at = 0;
  const Plan* forward = nullptr;       ///< plans are null where they are not needed
  const Plan* data_gradient = nullptr;
  const Plan* weight_gradient = nullptr;
  const Plan* bias_gradient = nullptr;
};

}  // namespace cxrnet::cuda
