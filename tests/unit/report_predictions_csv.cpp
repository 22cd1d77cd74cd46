#include <cxrnet/report/predictions_csv.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;

namespace {

/// RFC 4180, read strictly: records end in CRLF, quotes inside quoted fields are doubled.
std::vector<std::vector<std::string>> parse(const std::string& text) {
  std::vector<std::vector<std::string>> records(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = records.back().back();
    if (quoted) {
      if (text[i] != '"') field += text[i];
      else if (i + 1 < text.size() && text[i + 1] == '"') field += text[i++];
      else quoted = false;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ',') {
      records.back().emplace_back();
    } else if (text.compare(i, 2, "\r\n") == 0) {
      records.push_back({""});
      ++i;
    } else {
      field += text[i];
    }
  }
  records.pop_back();
  return records;
}

}  // namespace

TEST_CASE("Predictions survive a round trip whatever the names hold", "[report]") {
  const std::vector<std::string> classes{"COVID, suspected", "Normal"};
  const std::vector<std::string> files{"a,b.png", "say \"x\".jpg", "two\r\nlines.png", "plain.png"};
  const std::vector<int> labels{0, 1, 1, 0};
  const std::vector<float> probabilities{.1F, .9F, 1.0F / 3, 2.0F / 3, 1e-30F, 1, .5F, .5F};
  const test::TempFolder temporary;
  const auto& folder = temporary.path();
  write_predictions_csv(folder / "predictions.csv", files, labels, probabilities, classes);
  std::ifstream stream(folder / "predictions.csv", std::ios::binary);
  const auto records = parse({std::istreambuf_iterator<char>(stream), {}});

  REQUIRE(records.size() == 5);
  CHECK(records[0] ==
        std::vector<std::string>{"file", "true_class", "predicted_class", "p_COVID, suspected", "p_Normal"});
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(records[i + 1].size() == 5);
    CHECK(records[i + 1][0] == files[i]);
    CHECK(records[i + 1][1] == classes[static_cast<std::size_t>(labels[i])]);
    CHECK(std::stof(records[i + 1][3]) == probabilities[2 * i]);
    CHECK(std::stof(records[i + 1][4]) == probabilities[2 * i + 1]);
  }
  CHECK(records[1][2] == "Normal");
  CHECK(records[4][2] == "COVID, suspected");
}

TEST_CASE("Predictions of no files are a header, and lists that do not match are refused", "[report]") {
  const std::vector<std::string> classes{"a", "b"};
  CHECK(predictions_csv({}, {}, {}, classes) == "file,true_class,predicted_class,p_a,p_b\r\n");
  const std::vector<std::string> files{"x"};
  CHECK_THROWS_AS(predictions_csv(files, {}, std::vector<float>{1, 0}, classes), ArgumentError);
  CHECK_THROWS_AS(predictions_csv(files, std::vector<int>{0}, std::vector<float>{1}, classes), ArgumentError);
  CHECK_THROWS_AS(predictions_csv(files, std::vector<int>{2}, std::vector<float>{1, 0}, classes), ArgumentError);
  CHECK_THROWS_AS(predictions_csv(files, std::vector<int>{0}, {}, {}), ArgumentError);
}
