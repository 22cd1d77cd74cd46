#include <cxrnet/metrics/evaluation.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "npy.hpp"
#include "shared.hpp"

using namespace cxrnet;

namespace {

const std::vector<std::string> two{"COVID", "Normal"};

std::string message_of(const std::vector<int>& labels, const std::vector<float>& probabilities,
                       const std::vector<std::string>& classes = two, int positive = 0) {
  try {
    (void)evaluate_predictions(labels, probabilities, classes, positive);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("The golden cases are met within 1e-9", "[metrics][golden]") {
  const auto shared = test::shared_or_skip("metrics/cases.json");
  if (!shared) return;
  const auto golden = nlohmann::json::parse(std::ifstream(*shared / "golden/metrics/cases.json"));
  const auto labels = golden.at("y_true").get<std::vector<int>>();
  const auto scores = golden.at("y_score").get<std::vector<double>>();
  const double threshold = golden.at("threshold").get<double>();
  std::vector<int> predicted;
  for (const double score : scores) predicted.push_back(score >= threshold ? 1 : 0);

  const ConfusionMatrix matrix = confusion_matrix(labels, predicted, 2);
  CHECK(std::vector<std::size_t>{matrix(0, 0), matrix(0, 1), matrix(1, 0), matrix(1, 1)} ==
        golden.at("confusion_tn_fp_fn_tp").get<std::vector<std::size_t>>());
  const ClassScores positive = class_scores(matrix, 1);
  const auto meets = [&](const char* name, double value) {
    INFO(name);
    CHECK(std::abs(value - golden.at(name).get<double>()) <= 1e-9);
  };
  meets("accuracy", accuracy(matrix));
  meets("precision", positive.precision);
  meets("recall", positive.recall);
  meets("f1", positive.f1);
  meets("specificity", positive.specificity);
  meets("balanced_accuracy", balanced_accuracy(matrix));
  meets("mcc", matthews_correlation(matrix));
  meets("roc_auc", roc_auc(labels, scores).value());
  meets("average_precision", average_precision(labels, scores).value());
  meets("brier", brier_score(labels, scores));
  meets("log_loss", log_loss(labels, scores));
  // DeLong by all pairs, in NumPy
  CHECK(delong_interval(labels, scores).value().low == Approx(0.7091390268436082).margin(1e-9));
  CHECK(delong_interval(labels, scores).value().high == Approx(0.8518728779182965).margin(1e-9));

  std::vector<float> probabilities;
  for (const double score : scores) {
    probabilities.push_back(1.0F - static_cast<float>(score));
    probabilities.push_back(static_cast<float>(score));
  }
  const Evaluation whole = evaluate_predictions(labels, probabilities, two, 1);
  CHECK(whole.accuracy == accuracy(matrix));
  CHECK(whole.roc_auc.value() == Approx(golden.at("roc_auc").get<double>()).margin(1e-9));
  CHECK(whole.log_loss == Approx(golden.at("log_loss").get<double>()).margin(1e-6));
  CHECK(whole.loss == Approx(golden.at("log_loss").get<double>()).margin(1e-6));
}

TEST_CASE("Keras's predictions on the test folder give the reference's figures", "[metrics][golden]") {
  const auto shared = test::shared_or_skip("e2e/predictions.npy");
  if (!shared) return;
  const auto run = nlohmann::json::parse(std::ifstream(*shared / "golden/e2e/keras_run.json")).at("test");
  const auto files = nlohmann::json::parse(std::ifstream(*shared / "golden/e2e/files.json"));
  const auto predictions = test::npy<float>(*shared / "golden/e2e/predictions.npy");
  std::vector<int> labels;
  for (const auto& file : files) labels.push_back(file.get<std::string>().find("/COVID/") != std::string::npos ? 0 : 1);
  const Evaluation result = evaluate_predictions(labels, {predictions.data(), predictions.size()}, two, 0);
  CHECK(result.samples == run.at("n").get<std::size_t>());
  CHECK(result.accuracy == Approx(run.at("accuracy").get<double>()).margin(1e-9));
  CHECK(result.roc_auc.value() == Approx(run.at("auc_covid").get<double>()).margin(1e-9));
  CHECK(result.per_class[0].precision == Approx(run.at("precision_covid").get<double>()).margin(1e-9));
  CHECK(result.per_class[0].recall == Approx(run.at("recall_covid").get<double>()).margin(1e-9));
  CHECK(result.per_class[0].f1 == Approx(run.at("f1_covid").get<double>()).margin(1e-9));
  const auto counts = run.at("confusion_rows_true_covid_normal").get<std::vector<std::vector<std::size_t>>>();
  for (std::size_t k = 0; k < 2; ++k)
    for (std::size_t j = 0; j < 2; ++j) CHECK(result.confusion(k, j) == counts[k][j]);
  CHECK(result.majority_accuracy == Approx(40.0 / 60));
  CHECK(result.majority_class == 1);
}

TEST_CASE("A set of one class has no ROC AUC and is evaluated all the same", "[metrics]") {
  const Evaluation result =
      evaluate_predictions(std::vector<int>{0, 0}, std::vector<float>{.9F, .1F, .4F, .6F}, two, 0);
  CHECK(result.accuracy == 0.5);
  CHECK(result.majority_accuracy == 1.0);
  CHECK_FALSE(result.roc_auc.has_value());
  CHECK_FALSE(result.roc_auc_interval.has_value());
  CHECK(result.average_precision.value() == 1.0);
  CHECK(result.per_class[1].support == 0);
}

TEST_CASE("Equal probabilities go to the first class", "[metrics]") {
  CHECK(predicted_class(std::vector<float>{.5F, .5F}) == 0);
  CHECK(predicted_class(std::vector<float>{.2F, .4F, .4F}) == 1);
}

TEST_CASE("What cannot be evaluated is refused in one sentence that says what to do", "[metrics]") {
  const auto says = [](const std::string& message, const std::string& text) {
    INFO(message);
    CHECK(message.find(text) != std::string::npos);
  };
  says(message_of({}, {}), "no predictions");
  says(message_of({0}, {NAN, 1}), "sample 0 has the probability nan");
  says(message_of({0, 1}, {.5F, .5F, 1.5F, -.5F}), "sample 1");
  says(message_of({0}, {.5F, .4F}), "sum to 0.9");
  says(message_of({2}, {.5F, .5F}), "label 2");
  says(message_of({-1}, {.5F, .5F}), "label -1");
  says(message_of({0}, {.5F, .5F, .5F}), "need 2 probabilities, not 3");
  says(message_of({0}, {1}, {"only"}), "at least two");
  says(message_of({0}, {.5F, .5F}, two, 2), "positive class 2");
  CHECK(message_of({0}, {.5F, .5F}) == "no error");
}
