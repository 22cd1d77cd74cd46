#include "variants/unfrozen_from.hpp"

namespace cxrnet::programs {

namespace {

/// Calls `visit` with the networks that train from the variant's block on.
template <class Visit>
decltype(auto) with_depth(const Variant& variant, Visit visit) {
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
