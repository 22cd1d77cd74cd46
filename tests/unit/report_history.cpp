#include <cxrnet/report/history.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;

namespace {

History two_epochs() {
  History history;
  history.epochs.push_back({.epoch = 1, .loss = 0.65446192026, .accuracy = 2.0 / 3, .val_loss = 0.5,
                            .val_accuracy = 0.75, .val_auc = 0.875, .seconds = 12.5, .learning_rate = 1e-3});
  history.epochs.push_back({.epoch = 2, .loss = 0.6, .accuracy = 0.7});
  return history;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("history.json has Keras's arrays, null where nothing was measured", "[report]") {
  const test::TempFolder temporary;
  const auto& folder = temporary.path();
  write_history_json(folder / "history.json", two_epochs());
  const auto json = nlohmann::json::parse(content(folder / "history.json"));
  CHECK(json.at("epoch") == std::vector<int>{1, 2});
  CHECK(json.at("accuracy") == std::vector<double>{2.0 / 3, 0.7});
  CHECK(json.at("loss") == std::vector<double>{0.65446192026, 0.6});
  CHECK(json.at("val_accuracy").at(0) == 0.75);
  CHECK(json.at("val_accuracy").at(1).is_null());
  CHECK(json.at("val_loss").at(0) == 0.5);
  CHECK(json.at("val_auc").at(0) == 0.875);
  CHECK(json.at("learning_rate").at(0) == 1e-3);
  CHECK(json.at("seconds").at(0) == 12.5);

  write_history_csv(folder / "history.csv", two_epochs());
  CHECK(content(folder / "history.csv") ==
        "epoch,accuracy,loss,val_accuracy,val_loss,val_auc,learning_rate,seconds\r\n"
        "1,0.6666666666666666,0.65446192026,0.75,0.5,0.875,0.001,12.5\r\n"
        "2,0.7,0.6,,,,,\r\n");
}

TEST_CASE("A history without epochs is empty arrays and a header", "[report]") {
  const auto json = history_json({});
  CHECK(json.at("epoch").is_array());
  CHECK(json.at("loss").is_array());
  CHECK(json.at("loss").empty());
  CHECK(history_csv({}) == "epoch,accuracy,loss,val_accuracy,val_loss,val_auc,learning_rate,seconds\r\n");
}
