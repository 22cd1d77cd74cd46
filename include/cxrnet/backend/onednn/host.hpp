#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/backend/reference/kernels.hpp>
#include <cxrnet/core/parallel.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

// What the oneDNN backend runs itself, on plain NHWC: softmax, sigmoid, dropout, users' own operations, and what is
// elementwise where it goes backward. Their share of the time is small; a network that spends it here should fuse.
namespace cxrnet::onednn {

using Pointers = std::array<const float*, op::Custom::max_parameters>;

inline Pointers pointers_of(const op::Operation& o, const float* parameters, std::span<const ParameterInfo> table) {
  Pointers pointers{};
  for (int k = 0; k < o.parameter_count; ++k) {
    const auto number = static_cast<std::size_t>(o.first_parameter + k);
    pointers[static_cast<std::size_t>(k)] = parameters + table[number].offset;
  }
  return pointers;
}

/// Adds a bias to n maps blocked by 16 channels, which they fill, on all threads.
inline void add_blocked_bias(Dims dims, int n, const float* x, const float* bias, float* y) {
  constexpr std::size_t block = 16;
  const std::size_t blocks = static_cast<std::size_t>(dims.channels) / block;
  const std::size_t size = static_cast<std::size_t>(dims.height) * static_cast<std::size_t>(dims.width) * block;
  const auto threads = static_cast<std::size_t>(thread_count());
  for_each_item(static_cast<std::size_t>(n) * blocks, threads, [=](std::size_t item, std::size_t) {
    std::array<float, block> added;
    std::copy_n(bias + item % blocks * block, block, added.begin());
    for (std::size_t i = item * size; i < (item + 1) * size; i += block) {
      for (std::size_t k = 0; k < block; ++k) y[i + k] = x[i + k] + added[k];
    }
  });
}

inline void run_on_host(const op::Operation& o, int n, const DropoutKey& key, const float* parameters,
                        std::span<const ParameterInfo> table, std::array<const float*, 2> x, float* y) {
  const std::size_t count = static_cast<std::size_t>(n) * o.out.size();
  const auto channels = static_cast<std::size_t>(o.out.channels);
  switch (o.kind) {
    case op::Kind::dropout:
      reference::dropout(key.seed, key.step, o.layer, o.rate, count, x[0], y);
      break;
    case op::Kind::add:
      for (std::size_t i = 0; i < count; ++i) y[i] = x[0][i] + x[1][i];
      break;
    case op::Kind::custom:
      o.custom->f32.forward(o.in, n, x[0], pointers_of(o, parameters, table).data(), y);
      break;
    case op::Kind::bias:
      reference::add_bias(channels, count / channels, x[0], parameters + table[static_cast<std::size_t>(o.bias)].offset,
                          y);
      break;
    default:
      if (o.activation == op::Activation::relu) reference::relu(count, x[0], y);
      else if (o.activation == op::Activation::softmax) reference::softmax(o.out.size(), n, x[0], y);
      else if (o.activation == op::Activation::sigmoid) reference::sigmoid(count, x[0], y);
      else std::copy_n(x[0], count, y);
  }
}

/// What backward works on: the operation's input, output, output gradient, input gradient (null: not wanted), and
/// the gradients of the parameters.
struct HostGradient {
  const float* x;
  const float* y;
  float* dy;
  float* dx;
  float* gradients;
};

/// Turns the gradient of the output into that of what a softmax or a sigmoid got: plain rows.
inline void activation_backward(const op::Operation& o, int n, const HostGradient& g) {
  if (o.activation == op::Activation::softmax) reference::softmax_backward(o.out.size(), n, g.y, g.dy, g.dy);
  if (o.activation == op::Activation::sigmoid) {
    reference::sigmoid_backward(static_cast<std::size_t>(n) * o.out.size(), g.y, g.dy, g.dy);
  }
}

inline void run_backward_on_host(const op::Operation& o, int n, const DropoutKey& key, const float* parameters,
                                 std::span<const ParameterInfo> table, const HostGradient& g) {
  const std::size_t count = static_cast<std::size_t>(n) * o.out.size();
  const auto channels = static_cast<std::size_t>(o.out.channels);
  switch (o.kind) {
    case op::Kind::dropout:
      if (g.dx != nullptr) reference::dropout(key.seed, key.step, o.layer, o.rate, count, g.dy, g.dx);
      break;
    case op::Kind::bias: {
      const ParameterInfo& info = table[static_cast<std::size_t>(o.bias)];
      if (info.trains) reference::add_bias_backward(channels, count / channels, g.dy, g.gradients + info.gradient);
      if (g.dx != nullptr) std::copy_n(g.dy, count, g.dx);
      break;
    }
    case op::Kind::activation:
    case op::Kind::flatten:
      if (g.dx != nullptr) std::copy_n(g.dy, count, g.dx);
      break;
    case op::Kind::custom: {
      std::array<float*, op::Custom::max_parameters> wanted{};
      for (int k = 0; k < o.parameter_count; ++k) {
        const ParameterInfo& info = table[static_cast<std::size_t>(o.first_parameter + k)];
        if (info.trains) wanted[static_cast<std::size_t>(k)] = g.gradients + info.gradient;
      }
      o.custom->f32.backward(o.in, n, g.x, g.y, g.dy, pointers_of(o, parameters, table).data(), g.dx,
                             o.gradient_parameters ? wanted.data() : nullptr);
      break;
    }
    default:
      break;
  }
}

}  // namespace cxrnet::onednn
