#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/metrics/evaluation.hpp>

#include <xtensor/xexpression.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

// The metrics for xtensor's arrays, views and expressions, strided ones included: each is copied once into row order.

namespace detail {

template <class T, class E>
std::vector<T> row_major_copy(const xt::xexpression<E>& expression) {
  const E& array = expression.derived_cast();
  std::vector<T> copy;
  copy.reserve(array.size());
  for (auto it = array.template begin<xt::layout_type::row_major>();
       it != array.template end<xt::layout_type::row_major>(); ++it)
    copy.push_back(static_cast<T>(*it));
  return copy;
}

}  // namespace detail

/// evaluate_predictions of n labels and an n x classes array.
template <class L, class P>
[[nodiscard]] Evaluation evaluate_predictions(const xt::xexpression<L>& labels, const xt::xexpression<P>& probabilities,
                                              std::span<const std::string> classes, int positive) {
  const auto& shape = probabilities.derived_cast().shape();
  if (shape.size() != 2 || static_cast<std::size_t>(shape[1]) != classes.size())
    throw ArgumentError("the probabilities must be an array of samples x " + std::to_string(classes.size()) +
                        " classes; give the output of predict");
  return evaluate_predictions(std::span<const int>(detail::row_major_copy<int>(labels)),
                              std::span<const float>(detail::row_major_copy<float>(probabilities)), classes, positive);
}

/// roc_auc of n labels and n scores.
template <class L, class S>
[[nodiscard]] std::optional<double> roc_auc(const xt::xexpression<L>& labels, const xt::xexpression<S>& scores,
                                            int positive = 1) {
  return roc_auc(std::span<const int>(detail::row_major_copy<int>(labels)),
                 std::span<const double>(detail::row_major_copy<double>(scores)), positive);
}

/// average_precision of n labels and n scores.
template <class L, class S>
[[nodiscard]] std::optional<double> average_precision(const xt::xexpression<L>& labels,
                                                      const xt::xexpression<S>& scores, int positive = 1) {
  return average_precision(std::span<const int>(detail::row_major_copy<int>(labels)),
                           std::span<const double>(detail::row_major_copy<double>(scores)), positive);
}

/// The confusion matrix of n true and n predicted classes.
template <class L, class P>
[[nodiscard]] ConfusionMatrix confusion_matrix(const xt::xexpression<L>& labels, const xt::xexpression<P>& predicted,
                                               std::size_t classes) {
  return confusion_matrix(std::span<const int>(detail::row_major_copy<int>(labels)),
                          std::span<const int>(detail::row_major_copy<int>(predicted)), classes);
}

}  // namespace cxrnet
