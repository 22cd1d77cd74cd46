#include <cxrnet/report/history_plot.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "catch.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
namespace fs = std::filesystem;

namespace {

struct Folder : test::TempFolder {
  [[nodiscard]] auto files() const { return std::distance(fs::directory_iterator(path()), fs::directory_iterator()); }
};

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

History history_of(int epochs) {
  History history;
  for (int e = 1; e <= epochs; ++e)
    history.epochs.push_back({.epoch = e, .loss = 1.0 / e, .accuracy = 1 - 0.5 / e, .val_loss = 1.1 / e,
                              .val_accuracy = 1 - 0.6 / e});
  return history;
}

bool have_gnuplot() {
  const std::string search = std::getenv("PATH");
  for (std::size_t begin = 0; begin <= search.size();) {
    const std::size_t end = std::min(search.find(':', begin), search.size());
    if (fs::exists(fs::path(search.substr(begin, end - begin)) / "gnuplot")) return true;
    begin = end + 1;
  }
  WARN("skipped: gnuplot is not installed");
  return false;
}

}  // namespace

TEST_CASE("The plot has two panels with Train and Validation, as SVG and PNG", "[report]") {
  if (!have_gnuplot()) return;
  const Folder folder;
  const fs::path odd = folder.path() / "it's $(touch x); \"odd\" `name`.svg";
  write_history_plot(odd, history_of(10));
  const std::string svg = content(odd);
  CHECK(svg.find("<?xml") == 0);
  CHECK(count(svg, ">Model accuracy<") == 1);
  CHECK(count(svg, ">Model loss<") == 1);
  CHECK(count(svg, ">Epoch<") == 2);
  CHECK(count(svg, ">Train</tspan>") == 2);
  CHECK(count(svg, ">Validation</tspan>") == 2);

  write_history_plot(folder.path() / "history.png", history_of(3));
  const std::string png = content(folder.path() / "history.png");
  REQUIRE(png.size() > 5000);
  CHECK(png.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  CHECK(png.substr(16, 8) == std::string("\0\0\x07\x08\0\0\x02\xee", 8));  // 1800 x 750
  CHECK(folder.files() == 2);
}

TEST_CASE("A single epoch, no validation, and figures that are not finite are drawn", "[report]") {
  if (!have_gnuplot()) return;
  const Folder folder;
  History history;
  history.epochs.push_back({.epoch = 1, .loss = INFINITY, .accuracy = 1.0});
  write_history_plot(folder.path() / "one.svg", history);
  const std::string svg = content(folder.path() / "one.svg");
  CHECK(count(svg, ">Train</tspan>") == 1);  // the loss has nothing to show
  CHECK(count(svg, ">Validation</tspan>") == 0);
  CHECK(count(svg, ">Model loss<") == 1);
  write_history_plot(folder.path() / "many.svg", history_of(500));
  CHECK(count(content(folder.path() / "many.svg"), ">Validation</tspan>") == 2);
}

TEST_CASE("Ticks of epochs are whole numbers, ten steps at most", "[report]") {
  CHECK(detail::epoch_step(0) == 1);
  CHECK(detail::epoch_step(9) == 1);
  CHECK(detail::epoch_step(11) == 2);
  CHECK(detail::epoch_step(99) == 10);
  CHECK(detail::epoch_step(499) == 50);
}

TEST_CASE("The accuracy axis holds its curves and stays near [0, 1]", "[report]") {
  for (const auto& [low, high] : {std::pair{0.0, 0.0}, {0.5, 0.5}, {0.66, 0.89}, {0.97, 1.0}, {0.0, 1.0}}) {
    const detail::AxisRange axis = detail::accuracy_axis({.low = low, .high = high});
    CHECK(axis.low >= 0.0);
    CHECK(axis.low <= low);
    CHECK(axis.high >= high);
    CHECK(axis.high <= 1.03);
    CHECK(axis.high - axis.low >= 0.1);
  }
}

TEST_CASE("A history without epochs, or another kind of file, is refused", "[report]") {
  const Folder folder;
  CHECK_THROWS_AS(write_history_plot(folder.path() / "empty.svg", {}), ArgumentError);
  CHECK_THROWS_AS(write_history_plot(folder.path() / "history.bmp", history_of(2)), ArgumentError);
  CHECK(folder.files() == 0);
}

TEST_CASE("A dotted line parts the phases of a history", "[report]") {
  const std::string terminal = "svg";
  CHECK(count(history_plot_script(history_of(6), terminal), "set arrow") == 0);
  const std::string script = history_plot_script(history_of(6), terminal, {2, 4});
  CHECK(count(script, "set arrow") == 2);
  CHECK(script.find("from 2.5, graph 0 to 2.5, graph 1 nohead") < script.find("\nplot "));
  if (!have_gnuplot()) return;
  const Folder folder;
  write_history_plot(folder.path() / "plain.svg", history_of(6));
  write_history_plot(folder.path() / "phases.svg", history_of(6), {2});
  CHECK(content(folder.path() / "plain.svg") != content(folder.path() / "phases.svg"));
}
