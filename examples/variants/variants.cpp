#include "variants/instance.hpp"

#include <cxrnet/core/initialise.hpp>

#include <stdexcept>

namespace cxrnet::programs {

using Plain = Rescale<1, 255>;

extern template std::unique_ptr<Classifier> make<Plain, NoAugment>(std::vector<float>, int, std::uint64_t);
extern template std::unique_ptr<Classifier> make<Plain, ReferenceAugment>(std::vector<float>, int, std::uint64_t);
extern template std::unique_ptr<Classifier> make<ImageNetCaffe, NoAugment>(std::vector<float>, int, std::uint64_t);
extern template std::unique_ptr<Classifier> make<ImageNetCaffe, ReferenceAugment>(std::vector<float>, int,
                                                                                  std::uint64_t);

namespace {

/// Calls `visit` with the preprocessing type of that name.
template <class Visit>
auto with_preprocess(const std::string& name, Visit visit) {
  if (name == Plain::name) return visit.template operator()<Plain>();
  if (name == ImageNetCaffe::name) return visit.template operator()<ImageNetCaffe>();
  throw ArgumentError("There is no preprocessing '" + name + "': it is rescale or imagenet.");
}

}  // namespace

std::vector<float> initial_parameters(const Variant& variant, std::uint64_t seed) {
  return with_preprocess(variant.preprocess,
                         [&]<class P>() { return cxrnet::initial_parameters<ReferenceNet<P>>(seed); });
}

const Description& describe(const Variant& variant) {
  return *with_preprocess(variant.preprocess, []<class P>() { return &description_of<ReferenceNet<P>>; });
}

std::unique_ptr<Classifier> make_classifier(const Variant& variant, std::vector<float> parameters, int capacity,
                                            std::uint64_t seed) {
  return with_preprocess(variant.preprocess, [&]<class P>() {
    return variant.augmenting == Augmenting::yes ? make<P, ReferenceAugment>(std::move(parameters), capacity, seed)
                                                 : make<P, NoAugment>(std::move(parameters), capacity, seed);
  });
}

}  // namespace cxrnet::programs
