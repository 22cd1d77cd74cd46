#include <cxrnet/metrics/confusion_matrix.hpp>

#include <vector>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("A confusion matrix has true classes in rows", "[metrics]") {
  const std::vector<int> labels{0, 1, 2, 2, 1, 0, 2};
  const std::vector<int> predicted{0, 2, 2, 1, 1, 0, 2};
  const ConfusionMatrix matrix = confusion_matrix(labels, predicted, 3);
  CHECK(matrix(0, 0) == 2);
  CHECK(matrix(1, 2) == 1);
  CHECK(matrix(2, 1) == 1);
  CHECK(matrix(1, 0) == 0);
  CHECK(matrix.support(2) == 3);
  CHECK(matrix.predicted(1) == 2);
  CHECK(matrix.correct() == 5);
  CHECK(matrix.total() == 7);
}

TEST_CASE("A confusion matrix refuses classes that are not there and lists that do not match", "[metrics]") {
  ConfusionMatrix matrix(2);
  CHECK_THROWS_AS(matrix.add(2, 0), ArgumentError);
  CHECK_THROWS_AS(matrix.add(0, -1), ArgumentError);
  CHECK(matrix.total() == 0);
  const std::vector<int> two{0, 1};
  const std::vector<int> one{0};
  CHECK_THROWS_AS(confusion_matrix(two, one, 2), ArgumentError);
}
