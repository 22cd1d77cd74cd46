#include "variants/unfrozen_from.hpp"

namespace cxrnet::programs {

namespace {

/// Calls `visit` with the networks in floats that train from the variant's block on.
template <class Device, class Visit>
decltype(auto) with_depth_on(const Variant& variant, Visit visit) {
  switch (variant.unfreeze_from) {
    case 1: return visit(UnfrozenFrom<1, Float32, Device>{});
    case 2: return visit(UnfrozenFrom<2, Float32, Device>{});
    case 3: return visit(UnfrozenFrom<3, Float32, Device>{});
    case 4: return visit(UnfrozenFrom<4, Float32, Device>{});
    case 5: return visit(UnfrozenFrom<5, Float32, Device>{});
    case 6: return visit(UnfrozenFrom<6, Float32, Device>{});
    default:
      throw ArgumentError("VGG16 cannot be unfrozen from block " + std::to_string(variant.unfreeze_from) +
                          ": its blocks are 1 to 5, and 6 stands for none.");
  }
}

/// Calls `visit` with the networks that train from the variant's block on, in its precision, on its device.
template <class Visit>
decltype(auto) with_depth(const Variant& variant, Visit visit) {
  if (variant.device != "cpu" && variant.device != "cuda") {
    throw ArgumentError("There is no device '" + variant.device + "': it is cpu or cuda.");
  }
  if (variant.device == "cuda" && variant.precision != name_of(op::Precision::float32)) {
    throw ArgumentError("VGG16 in " + variant.precision + " runs on the CPU: leave out --device, or --precision.");
  }
  if (variant.device == "cuda") {
#ifdef CXRNET_PROGRAMS_CUDA
    return with_depth_on<OnCuda>(variant, visit);
#else
    throw BackendError("There is no GPU to run on: " + cuda_problem() + ".");
#endif
  }
  if (variant.precision != name_of(op::Precision::float32)) {
    if (variant.unfreeze_from != 6) {
      throw ArgumentError("VGG16 in " + variant.precision + " is frozen: train its blocks in float32.");
    }
    if (variant.precision == name_of(op::Precision::int8)) return visit(UnfrozenFrom<6, Int8>{});
    if (variant.precision == name_of(op::Precision::bfloat16)) return visit(UnfrozenFrom<6, Bf16>{});
    throw ArgumentError("There is no precision '" + variant.precision + "': it is float32, int8 or bfloat16.");
  }
  return with_depth_on<OnCpu>(variant, visit);
}

}  // namespace

#ifndef CXRNET_PROGRAMS_CUDA
void keep_cuda_plans(const std::filesystem::path&) {}
void try_cuda_plans() {}
std::string cuda_problem() { return "these programs were built without CUDA (CMake's preset cuda builds them with it)"; }
#endif

#ifndef CXRNET_PROGRAMS_NVJPEG
const ImageDecoder& gpu_decoder() {
  throw BackendError("these programs were built without nvJPEG (CMake's preset cuda builds them with it, where the CUDA Toolkit has it).");
}
#endif

std::vector<float> initial_parameters(const Variant& variant, std::uint64_t seed) {
  return with_depth(variant, [&](auto depth) { return depth.initial_parameters(variant, seed); });
}

void calibrate(const Variant& variant, std::span<float> parameters, std::span<const std::uint8_t> images) {
  with_depth(variant, [&](auto depth) { depth.calibrate(variant, parameters, images); });
}

const Description& describe(const Variant& variant) {
  return with_depth(variant, [&](auto depth) -> const Description& { return depth.describe(variant); });
}

std::unique_ptr<Classifier> make_classifier(const Variant& variant, std::vector<float> parameters, int capacity,
                                            std::uint64_t seed, const Adam& optimizer, Clip clip) {
  return with_depth(variant, [&](auto depth) {
    return depth.make(variant, std::move(parameters), capacity, seed, optimizer, clip);
  });
}

}  // namespace cxrnet::programs
