#include <cxrnet/report/text_report.hpp>

#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace cxrnet;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("The report of an evaluation reads as a person expects", "[report]") {
  const std::vector<std::string> classes{"COVID", "Normal"};
  const std::vector<float> rows{.9F, .1F, .2F, .8F, .6F, .4F, .3F, .7F, .1F, .9F};
  const Evaluation evaluation = evaluate_predictions(std::vector<int>{0, 1, 1, 0, 1}, rows, classes, 0);
  CHECK(text_report(evaluation) ==
        R"(images                     5
accuracy              0.6000   95 % interval 0.2307 to 0.8824 (Wilson)
majority accuracy     0.6000   of always answering Normal
balanced accuracy     0.5833
Matthews correlation  0.1667
loss                  0.5108

                  precision    recall  f1-score   support   recall's 95 % interval (Wilson)
COVID                0.5000    0.5000    0.5000         2   0.0945 to 0.9055
Normal               0.6667    0.6667    0.6667         3   0.2077 to 0.9385
macro average        0.5833    0.5833    0.5833         5
weighted average     0.6000    0.6000    0.6000         5

confusion matrix (rows: true class, columns: predicted class)
                   COVID   Normal
COVID                  1        1
Normal                 1        2

positive class: COVID
ROC AUC               0.8333   95 % interval 0.3714 to 1.0000 (DeLong)
average precision     0.8333
specificity           0.6667
Brier score           0.1820
log loss              0.5108
)");
}

TEST_CASE("Columns stay aligned for long names, accents and hostile ones", "[report]") {
  const std::vector<std::string> classes{"Viral pneumonia of some kind, suspected", "Œdème \x1b[2J", "N"};
  const Evaluation evaluation = evaluate_predictions(
      std::vector<int>{0, 1, 2}, std::vector<float>{1, 0, 0, 0, 1, 0, 1, 0, 0}, classes, 1);
  const std::string text = text_report(evaluation);
  CHECK(text.find('\x1b') == std::string::npos);
  const std::vector<std::string> lines = lines_of(text);
  REQUIRE(lines.size() == 26);
  const std::size_t support_end = display_width(lines[7].substr(0, lines[7].find("support") + 7));
  for (std::size_t i = 8; i <= 12; ++i) {
    const std::size_t end = lines[i].find(" to ") == std::string::npos ? lines[i].size() : lines[i].size() - 19;
    CHECK(display_width(lines[i].substr(0, end)) == support_end);
  }
  CHECK(display_width(lines[15]) == display_width(lines[16]));
  CHECK(display_width(lines[16]) == display_width(lines[17]));
  CHECK(display_width(lines[17]) == display_width(lines[18]));
}

TEST_CASE("A set of one class says why there is no ROC AUC", "[report]") {
  const std::vector<std::string> classes{"a", "b"};
  const Evaluation evaluation = evaluate_predictions(std::vector<int>{1}, std::vector<float>{.1F, .9F}, classes, 0);
  const std::string text = text_report(evaluation);
  CHECK(text.find("ROC AUC             undefined   needs images of the positive class and of another") !=
        std::string::npos);
}
