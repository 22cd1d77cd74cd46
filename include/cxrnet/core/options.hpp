#pragma once
#include <type_traits>

namespace cxrnet {

// Options of a layer come in any order. An option is a type with a category: `struct Relu { using option = ...; }`.

namespace detail {

template <class Category, class Default, class... Options>
struct find_option {
  using type = Default;
};
template <class Category, class Default, class First, class... Rest>
struct find_option<Category, Default, First, Rest...> : find_option<Category, Default, Rest...> {};
template <class Category, class Default, class First, class... Rest>
  requires std::is_same_v<typename First::option, Category>
struct find_option<Category, Default, First, Rest...> {
  using type = First;
};

template <class Category, class Option>
concept OptionOf = std::is_same_v<typename Option::option, Category>;

template <class Category, class... Options>
inline constexpr int count_options = (0 + ... + (OptionOf<Category, Options> ? 1 : 0));

}  // namespace detail

/// The option of that category, or the default.
template <class Category, class Default, class... Options>
using option_of = typename detail::find_option<Category, Default, Options...>::type;

/// Whether each option belongs to one of the categories, and none of them comes twice.
template <class... Categories>
struct Allowed {
  template <class... Options>
  static constexpr bool by = ((0 + ... + detail::count_options<Categories, Options...>) == sizeof...(Options)) &&
                             (true && ... && (detail::count_options<Categories, Options...> <= 1));
};

struct ActivationOption {};
struct BiasOption {};
struct PaddingOption {};
struct StrideOption {};
struct TrainingOption {};
struct PreprocessingOption {};
struct PrecisionOption {};

/// No padding: Keras's "valid".
struct Valid {
  using option = PaddingOption;
};
/// Zeros around, so that a stride of 1 keeps height and width: Keras's "same".
struct Same {
  using option = PaddingOption;
};
/// Step of a window, both directions.
template <int Step>
struct Stride {
  using option = StrideOption;
  static constexpr int step = Step;
  static_assert(Step > 0, "cxrnet: Stride<Step> needs a step of at least 1");
};

}  // namespace cxrnet
