#pragma once
#include <cxrnet/op/operation.hpp>

#include <cstddef>
#include <utility>

namespace cxrnet::op {

/// What a layer writes its operations with: each takes the current value and makes the next one current.
class Builder {
 public:
  /// `storage` holds `capacity` operations; the input's dims are those of value 0.
  constexpr Builder(Operation* storage, int capacity, Dims input)
      : operations_(storage), capacity_(capacity), dims_(input) {}

  /// The shape that the layer now lowered gets.
  [[nodiscard]] constexpr Dims dims() const { return dims_; }
  /// The number of the layer's k-th parameter.
  [[nodiscard]] constexpr int parameter(int k) const { return first_parameter_ + k; }
  /// The current value's number.
  [[nodiscard]] constexpr int value() const { return value_; }
  [[nodiscard]] constexpr int size() const { return size_; }

  /// Appends an operation on the current value; `in`, `inputs`, `output` and `layer` are filled in.
  constexpr void emit(Operation operation) {
    operation.inputs[0] = value_;
    operation.in = dims_;
    operation.output = size_ + 1;
    operation.layer = layer_;
    operation.segment = segment_;
    operation.precision = precision_;
    operation.scale_in = scale_;
    if (precision_ == Precision::int8 && operation.kind == Kind::convolution) scale_ = layer_scale_;
    if (precision_ != Precision::int8) scale_ = -1;
    operation.scale = scale_;
    if (size_ >= capacity_) throw "a layer lowers to more operations than Builder::per_layer";
    operations_[size_++] = operation;
    value_ = operation.output;
    dims_ = operation.out;
  }

  /// An activation on the current value, nothing where it is `none`.
  constexpr void activate(Activation activation) {
    if (activation != Activation::none) emit({.kind = Kind::activation, .out = dims_, .activation = activation});
  }

  /// A bias for each channel, the layer's k-th parameter.
  constexpr void add_bias(int k) { emit({.kind = Kind::bias, .out = dims_, .bias = parameter(k)}); }

  /// A second branch starts from the current value.
  constexpr void fork() {
    if (depth_ >= max_depth) throw "residual blocks are nested too deep";
    forks_[depth_++] = {value_, dims_};
  }
  /// The current value is added to the one that was current at the matching fork.
  constexpr void merge() {
    emit({.kind = Kind::add, .inputs = {-1, forks_[--depth_].value}, .out = dims_});
  }
  /// What was made since the fork waits for the merge, and the other branch starts from what the fork started from.
  constexpr void swap_branches() {
    std::swap(forks_[depth_ - 1].value, value_);
    std::swap(forks_[depth_ - 1].dims, dims_);
  }

  /// The shape at the innermost open fork; no shape where none is open.
  [[nodiscard]] constexpr Dims forked_dims() const { return depth_ == 0 ? Dims{} : forks_[depth_ - 1].dims; }
  /// Open forks.
  [[nodiscard]] constexpr int depth() const { return depth_; }

  /// Called by the network before each layer. `scale` is the number of its output's scales, -1 where it has none.
  constexpr void start_layer(int layer, int first_parameter, int segment = -1,
                             Precision precision = Precision::float32, int scale = -1) {
    layer_ = layer;
    first_parameter_ = first_parameter;
    segment_ = segment;
    precision_ = precision;
    layer_scale_ = scale;
  }

  static constexpr int per_layer = 4;
  static constexpr int max_depth = 8;

 private:
  Operation* operations_;
  int capacity_;
  int size_ = 0;
  int value_ = 0;
  int layer_ = 0;
  int first_parameter_ = 0;
  int segment_ = -1;
  Precision precision_ = Precision::float32;
  int layer_scale_ = -1;
  int scale_ = -1;  ///< of the current value, where that is int8
  Dims dims_;
  struct Fork {
    int value = 0;
    Dims dims{};
  };
  Fork forks_[max_depth]{};
  int depth_ = 0;
};

}  // namespace cxrnet::op
