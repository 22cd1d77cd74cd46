#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/memory_plan.hpp>
#include <cxrnet/core/rewrite.hpp>

#include <cstddef>

// A network's type as a backend gets it.
namespace cxrnet {

/// The operations and memory of a network on a backend, all constants.
template <class Net, class Backend, Mode mode>
struct Lowered {
  using T = Traits<Net>;
  using Operations = Rewrite<Net, Backend, mode>;
  static constexpr auto values = static_cast<std::size_t>(T::operation_count) + 1;
  static constexpr auto backbone_plan =
      plan_memory<values>(Operations::backbone, 0, T::input, &Backend::value_bytes, T::input_precision);
  static constexpr auto head_plan =
      plan_memory<values>(Operations::head, T::feature_value, T::features, &Backend::value_bytes);

  static constexpr ProgramSpec backbone{Operations::backbone, T::parameters, backbone_plan.values,
                                        backbone_plan.gradients, backbone_plan.bytes, 0, T::feature_value,
                                        T::input, T::features, Mode::inference, T::input_precision,
                                        channel_maps_of<typename T::Preprocess, T::input.channels>};
  static constexpr ProgramSpec head{Operations::head, T::parameters, head_plan.values, head_plan.gradients,
                                    head_plan.bytes, T::feature_value, Operations::output, T::features, T::output, mode};

  /// Bytes of the one arena that holds every value and gradient, for batches of up to `capacity` images.
  static constexpr std::size_t arena_bytes(int capacity) {
    return backbone_plan.bytes * static_cast<std::size_t>(Backend::micro_batch(capacity)) +
           head_plan.bytes * static_cast<std::size_t>(capacity);
  }
};

namespace detail {

/// The first layer whose operations the backend lacks in their precision, -1: none, or the network has a fault already.
template <class Net, class Backend, Mode mode>
constexpr int unrunnable_layer() {
  if constexpr (analysed<typename expand<Net>::type>::value.fault < 0) {
    for (const auto& operation : Rewrite<Net, Backend, mode>::operations) {
      if (operation.precision != op::Precision::float32 && !Backend::runs(operation)) return operation.layer;
      // Only what computes in bytes reads an image's.
      const bool reads_image = operation.inputs[0] == 0 && Traits<Net>::input_precision == op::Precision::int8;
      if (reads_image && operation.precision != op::Precision::int8) return operation.layer;
    }
  }
  return -1;
}

/// Base of Model: empty where the backend runs everything, the one error otherwise.
template <class Net, class Backend, int layer>
struct in_precision
    : not_in_precision<LayerIndex<layer>, Layer<typename layer_at<layer, typename expand<Net>::type>::type>, Backend> {};
template <class Net, class Backend>
struct in_precision<Net, Backend, -1> {};

}  // namespace detail

/// Whether a backend samples and preprocesses a network's images itself: RGB ones, where something lies before the cut.
template <class Net, class Backend>
inline constexpr bool samples_images = requires { Backend::samples; } && Traits<Net>::cut > 0 &&
                                       Traits<Net>::feature_value != 0 && Traits<Net>::input.channels == 3;

/// Whether a backend can take images to their features, and a Trainer on from there, beside the host.
template <class Net, class Backend>
inline constexpr bool stages_images = samples_images<Net, Backend> && requires { typename Backend::Program::Training; };

}  // namespace cxrnet
