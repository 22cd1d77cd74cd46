#pragma once
#include <cxrnet/core/error.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// Counts of samples by true class (row) and predicted class (column).
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes) : classes_(classes), counts_(classes * classes) {}

  [[nodiscard]] std::size_t classes() const { return classes_; }
  [[nodiscard]] std::size_t operator()(std::size_t truth, std::size_t predicted) const {
    return counts_[truth * classes_ + predicted];
  }
  /// Counts one sample. Throws ArgumentError where a class does not exist.
  void add(int truth, int predicted) { ++counts_[index(truth) * classes_ + index(predicted)]; }

  /// Samples of the class: its row's sum.
  [[nodiscard]] std::size_t support(std::size_t truth) const {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < classes_; ++k) sum += (*this)(truth, k);
    return sum;
  }
  /// Samples given the class: its column's sum.
  [[nodiscard]] std::size_t predicted(std::size_t prediction) const {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < classes_; ++k) sum += (*this)(k, prediction);
    return sum;
  }
  [[nodiscard]] std::size_t correct() const {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < classes_; ++k) sum += (*this)(k, k);
    return sum;
  }
  [[nodiscard]] std::size_t total() const {
    std::size_t sum = 0;
    for (const std::size_t count : counts_) sum += count;
    return sum;
  }

 private:
  [[nodiscard]] std::size_t index(int label) const {
    if (label < 0 || static_cast<std::size_t>(label) >= classes_)
      throw ArgumentError("class " + std::to_string(label) + " is not one of the " + std::to_string(classes_) +
                          " classes; number them from 0");
    return static_cast<std::size_t>(label);
  }

  std::size_t classes_;
  std::vector<std::size_t> counts_;
};

/// The confusion matrix of n true and n predicted classes, each in [0, classes).
[[nodiscard]] inline ConfusionMatrix confusion_matrix(std::span<const int> labels, std::span<const int> predicted,
                                                      std::size_t classes) {
  if (labels.size() != predicted.size())
    throw ArgumentError("there are " + std::to_string(labels.size()) + " labels but " +
                        std::to_string(predicted.size()) + " predictions; give one prediction for each label");
  ConfusionMatrix matrix(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) matrix.add(labels[i], predicted[i]);
  return matrix;
}

}  // namespace cxrnet
