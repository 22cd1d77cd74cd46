#include <cxrnet/metrics/xtensor.hpp>

#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Metrics take xtensor's arrays, column-major ones, views and expressions", "[metrics]") {
  const std::vector<std::string> classes{"a", "b"};
  const xt::xtensor<int, 1> labels{0, 1, 1, 0};
  const xt::xtensor<float, 2> rows{{.9F, .1F}, {.2F, .8F}, {.6F, .4F}, {.7F, .3F}};
  const xt::xtensor<float, 2, xt::layout_type::column_major> columns = rows;
  const Evaluation plain = evaluate_predictions(labels, rows, classes, 1);
  CHECK(plain.accuracy == 0.75);
  CHECK(plain.roc_auc.value() == 1.0);
  CHECK(evaluate_predictions(labels, columns, classes, 1).loss == plain.loss);
  CHECK(evaluate_predictions(labels, 1.0F - xt::view(rows, xt::all(), xt::range(1, -3, -1)), classes, 1).samples == 4);
  CHECK(roc_auc(labels, xt::view(columns, xt::all(), 1)).value() == 1.0);
  CHECK(average_precision(labels, xt::view(rows, xt::all(), 0), 0).value() == 1.0);
  CHECK(confusion_matrix(labels, xt::eval(1 - labels), 2).correct() == 0);
}

TEST_CASE("Metrics refuse an array of another shape", "[metrics]") {
  const std::vector<std::string> classes{"a", "b"};
  const xt::xtensor<int, 1> labels{0, 1};
  CHECK_THROWS_AS(evaluate_predictions(labels, xt::xtensor<float, 2>{{.2F, .3F, .5F}, {.2F, .3F, .5F}}, classes, 0),
                  ArgumentError);
  CHECK_THROWS_AS(evaluate_predictions(labels, xt::xtensor<float, 1>{.5F, .5F, .5F, .5F}, classes, 0), ArgumentError);
}
