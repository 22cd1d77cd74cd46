#include <cxrnet/report/metrics_json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;

TEST_CASE("metrics.json holds every figure, exactly", "[report]") {
  const std::vector<std::string> classes{"COVID", "Normal"};
  const std::vector<float> rows{.9F, .1F, .2F, .8F, .6F, .4F, .3F, .7F, .1F, .9F};
  const Evaluation evaluation = evaluate_predictions(std::vector<int>{0, 1, 1, 0, 1}, rows, classes, 0);
  const test::TempFolder temporary;
  const auto& folder = temporary.path();
  write_metrics_json(folder / "metrics.json", evaluation);
  const auto json = nlohmann::json::parse(std::ifstream(folder / "metrics.json"));

  CHECK(json.at("note") == ethical_note);
  CHECK(json.at("samples") == 5);
  CHECK(json.at("classes") == classes);
  CHECK(json.at("positive_class") == "COVID");
  CHECK(json.at("accuracy") == evaluation.accuracy);
  CHECK(json.at("accuracy_interval").at(0) == evaluation.accuracy_interval.low);
  CHECK(json.at("accuracy_interval").at(1) == evaluation.accuracy_interval.high);
  CHECK(json.at("majority_class") == "Normal");
  CHECK(json.at("majority_accuracy") == 0.6);
  CHECK(json.at("balanced_accuracy") == evaluation.balanced_accuracy);
  CHECK(json.at("matthews_correlation") == evaluation.matthews_correlation);
  CHECK(json.at("loss") == evaluation.loss);
  REQUIRE(json.at("per_class").size() == 2);
  const auto& normal = json.at("per_class").at(1);
  CHECK(normal.at("class") == "Normal");
  CHECK(normal.at("precision") == evaluation.per_class[1].precision);
  CHECK(normal.at("recall") == evaluation.per_class[1].recall);
  CHECK(normal.at("recall_interval").at(0) == evaluation.per_class[1].recall_interval.low);
  CHECK(normal.at("f1") == evaluation.per_class[1].f1);
  CHECK(normal.at("specificity") == evaluation.per_class[1].specificity);
  CHECK(normal.at("support") == 3);
  CHECK(json.at("macro_average").at("f1") == evaluation.macro.f1);
  CHECK(json.at("weighted_average").at("precision") == evaluation.weighted.precision);
  CHECK(json.at("confusion_matrix").at("counts") == std::vector<std::vector<int>>{{1, 1}, {1, 2}});
  const auto& rest = json.at("positive_against_rest");
  CHECK(rest.at("roc_auc") == evaluation.roc_auc.value());
  CHECK(rest.at("roc_auc_interval").at(0) == evaluation.roc_auc_interval.value().low);
  CHECK(rest.at("average_precision") == evaluation.average_precision.value());
  CHECK(rest.at("brier_score") == evaluation.brier);
  CHECK(rest.at("log_loss") == evaluation.log_loss);
  CHECK(json.at("conventions").at("zero_division") == 0);
  CHECK(json.at("conventions").at("roc_auc_interval").get<std::string>().find("DeLong") == 0);
}

TEST_CASE("What is undefined is null, and class names may hold any bytes", "[report]") {
  const std::vector<std::string> classes{"caf\xe9 \"x\"\n", "Normal"};
  const Evaluation evaluation = evaluate_predictions(std::vector<int>{1}, std::vector<float>{.1F, .9F}, classes, 0);
  const auto json = nlohmann::json::parse(json_text(metrics_json(evaluation)));
  CHECK(json.at("positive_against_rest").at("roc_auc").is_null());
  CHECK(json.at("positive_against_rest").at("roc_auc_interval").is_null());
  CHECK(json.at("positive_against_rest").at("average_precision").is_null());
  CHECK(json.at("classes").at(0) == "caf\xef\xbf\xbd \"x\"\n");
}

TEST_CASE("A metrics.json that cannot be written is an error that names it", "[report]") {
  const std::vector<std::string> classes{"a", "b"};
  const Evaluation evaluation = evaluate_predictions(std::vector<int>{1}, std::vector<float>{.1F, .9F}, classes, 0);
  const auto missing = std::filesystem::temp_directory_path() / "cxrnet-test-no-such-folder" / "metrics.json";
  try {
    write_metrics_json(missing, evaluation);
    FAIL("written");
  } catch (const FileError& error) {
    CHECK(std::string(error.what()).find(missing.string()) != std::string::npos);
  }
}
