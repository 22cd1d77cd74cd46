#pragma once
#include "gpu.hpp"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace standin {

/// What a cuDNN operation graph computes, read off its JSON: convolutions and their gradients, sums over all but channels, additions
/// of a bias, ReLU and its gradient, on NHWC tensors.
class GraphRun : public std::enable_shared_from_this<GraphRun> {
 public:
  enum class Type { f16, bf16, f32 };
  struct Tensor {
    std::string name;
    Type type = Type::f32;
    std::array<std::int64_t, 4> dims{};  // n, c, h, w
    bool between = false;                // virtual
    [[nodiscard]] std::size_t numbers() const { return static_cast<std::size_t>(dims[0] * dims[1] * dims[2] * dims[3]); }
    [[nodiscard]] std::size_t bytes() const { return numbers() * (type == Type::f32 ? 4 : 2); }
  };
  struct Node {
    enum class Kind { convolution, data_gradient, weight_gradient, sum, add, relu, relu_gradient } kind{};
    std::vector<std::size_t> from;  // tensors
    std::size_t to = 0;
    std::array<std::int64_t, 2> pad{}, stride{1, 1};
  };

  /// Null, and a line on stderr, where something in it is not known here.
  static std::shared_ptr<const GraphRun> of(const nlohmann::json& graph, std::size_t workspace_bytes);

  /// The run on these operands, by their unique numbers; nothing where one is missing, or not aligned.
  [[nodiscard]] std::optional<Work> on(std::span<const std::int64_t> numbers, std::span<void* const> pointers, void* workspace) const;

 private:
  void run(const std::vector<void*>& pointers) const;
  std::vector<Tensor> tensors_;
  std::vector<Node> nodes_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace standin
