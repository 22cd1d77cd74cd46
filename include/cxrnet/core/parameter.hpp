#pragma once
#include <cxrnet/core/text.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace cxrnet {

/// How a parameter starts.
enum class Init {
  zeros,
  ones,
  glorot_uniform,  ///< uniform in +-sqrt(6 / (fan in + fan out)): Glorot and Bengio 2010, Keras's default for kernels
};

/// Who changes a parameter while its layer trains.
enum class Update {
  gradient,       ///< the optimiser
  moving_average  ///< the layer: `momentum` of the old value and the rest of the batch's statistic
};

/// A parameter that a layer asks for. Kernels are laid out as Keras's: height, width, in, out; dense: in, out.
struct Parameter {
  std::string_view role;  ///< "kernel", "bias"
  int rank = 0;
  std::array<int, 4> dims{1, 1, 1, 1};
  Init init = Init::zeros;
  Update update = Update::gradient;
  double momentum = 0;  ///< of a moving average

  [[nodiscard]] constexpr std::size_t size() const {
    std::size_t product = 1;
    for (const int extent : dims) product *= static_cast<std::size_t>(extent);
    return product;
  }
  /// Inputs that one output sums over.
  [[nodiscard]] constexpr std::size_t fan_in() const { return rank < 2 ? size() : receptive() * extent(rank - 2); }
  [[nodiscard]] constexpr std::size_t fan_out() const { return rank < 2 ? size() : receptive() * extent(rank - 1); }

 private:
  [[nodiscard]] constexpr std::size_t extent(int axis) const {
    return static_cast<std::size_t>(dims[static_cast<std::size_t>(axis)]);
  }
  [[nodiscard]] constexpr std::size_t receptive() const {
    return rank == 4 ? extent(0) * extent(1) : 1;
  }
};

/// A convolution's kernel: height x width x in x out.
constexpr Parameter convolution_kernel(int height, int width, int in, int out) {
  return {"kernel", 4, {height, width, in, out}, Init::glorot_uniform};
}
/// A dense layer's kernel: in x out.
constexpr Parameter dense_kernel(int in, int out) { return {"kernel", 2, {in, out, 1, 1}, Init::glorot_uniform}; }
/// The scale of each output channel of a layer in int8: a byte b stands for b times it. 0 until calibrated.
constexpr Parameter activation_scale(int channels) { return {"scale", 1, {channels, 1, 1, 1}, Init::zeros}; }
constexpr bool is_activation_scale(const Parameter& parameter) { return parameter.role == "scale"; }
/// One value for each output.
constexpr Parameter bias_vector(int size) { return {"bias", 1, {size, 1, 1, 1}, Init::zeros}; }

/// A parameter of a network: the layer's wish, and where it lies. Backward gives each that changes an entry among the
/// gradients: its gradient, or the batch's statistic that its moving average takes.
struct ParameterInfo {
  Parameter parameter;
  Name name;                 ///< "block1_conv1.kernel"
  int layer = 0;             ///< index of its layer in the flat list
  std::size_t offset = 0;    ///< first element in the network's parameters
  bool trains = false;       ///< by gradients
  bool averages = false;     ///< as a moving average
  std::size_t gradient = 0;  ///< first element in the gradients; meaningful only where it changes

  /// Whether training changes it at all.
  [[nodiscard]] constexpr bool changes() const { return trains || averages; }
};

}  // namespace cxrnet
