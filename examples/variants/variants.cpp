#include "variants/unfrozen_from.hpp"

namespace cxrnet::programs {

namespace {

/// Calls `visit` with the networks that train from the variant's block on, in its precision.
template <class Visit>
decltype(auto) with_depth(const Variant& variant, Visit visit) {
  if (variant.precision != name_of(op::Precision::float32)) {
    if (variant.unfreeze_from != 6) {
      throw ArgumentError("VGG16 in " + variant.precision + " is frozen: train its blocks in float32.");
    }
    if (variant.precision == name_of(op::Precision::int8)) return visit(UnfrozenFrom<6, Int8>{});
    if (variant.precision == name_of(op::Precision::bfloat16)) return visit(UnfrozenFrom<6, Bf16>{});
    throw ArgumentError("There is no precision '" + variant.precision + "': it is float32, int8 or bfloat16.");
  }
  switch (variant.unfreeze_from) {
    case 1: return visit(UnfrozenFrom<1>{});
    case 2: return visit(UnfrozenFrom<2>{});
    case 3: return visit(UnfrozenFrom<3>{});
    case 4: return visit(UnfrozenFrom<4>{});
    case 5: return visit(UnfrozenFrom<5>{});
    case 6: return visit(UnfrozenFrom<6>{});
    default:
      throw ArgumentError("VGG16 cannot be unfrozen from block " + std::to_string(variant.unfreeze_from) +
                          ": its blocks are 1 to 5, and 6 stands for none.");
  }
}

}  // namespace

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
