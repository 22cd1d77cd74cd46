#pragma once
#include <cxrnet/op/operation.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace cxrnet::cuda {

/// Who reads the values of a program. On the way back each reader gives a part of its value's gradient: the last operation
/// among them, which goes first, writes it, the others add to it.
class Readers {
 public:
  /// Of operations on values that are numbered below `values`.
  Readers(std::span<const op::Operation> operations, std::size_t values) : values_(values) {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const op::Operation& o = operations[i];
      for (int k = 0; k < o.input_count(); ++k) {
        Value& read = values_[static_cast<std::size_t>(o.inputs[static_cast<std::size_t>(k)])];
        read.first = std::min(read.first, i);
        read.last = i;
      }
      values_[static_cast<std::size_t>(o.output)].of_relu = o.activation == op::Activation::relu;
    }
  }

  [[nodiscard]] bool several(int v) const { return of(v).first < of(v).last; }
  /// Whether reader i adds to a value's gradient.
  [[nodiscard]] bool adds(std::size_t i, int v) const { return of(v).last != i; }
  /// Whether it is the last to do so of a ReLU's readers: it then applies the ReLU's.
  [[nodiscard]] bool masks(std::size_t i, int v) const { return of(v).of_relu && of(v).first == i; }
  /// Whether it is the only one: what it writes is the gradient before that ReLU.
  [[nodiscard]] bool masks_alone(std::size_t i, int v) const { return masks(i, v) && !adds(i, v); }

 private:
  struct Value {
    std::size_t first = static_cast<std::size_t>(-1), last = 0;  // operations
    bool of_relu = false;
  };
  [[nodiscard]] const Value& of(int v) const { return values_[static_cast<std::size_t>(v)]; }

  std::vector<Value> values_;
};

}  // namespace cxrnet::cuda
