#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/io/packed_weight_files.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>

#include "catch.hpp"
#include "network.hpp"
#include "temp_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace cxrnet;
using test::random_values;
using test::TempFolder;
namespace fs = std::filesystem;

namespace {

using Net = Seq<Input<24, 20, 3>, Conv2D<32, 3, Same, Relu>, Conv2D<32, 3, Same, Relu>, MaxPool<2>, Conv2D<48, 3, Same, Relu>>;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

std::vector<float> features(const Model<Net, Cpu>& net) {
  const auto images = random_values<float>(2 * Traits<Net>::input.size(), 3, 0, 255);
  std::vector<float> values(2 * Traits<Net>::output.size());
  net.predict(std::span<const float>(images), values);
  return values;
}

}  // namespace

TEST_CASE("Packed weights are mapped at a later start, for the same parameters alone", "[io]") {
  const TempFolder temp;
  std::string said;
  PackedWeightFiles files(temp.path() / "packed", {.warn = [&](const std::string& what) { said += what; }});
  const auto expected = features(Model<Net, Cpu>(2, 1));
  const WithWeightStore with(files);
  {
    const Model<Net, Cpu> first(2, 1);
    CHECK(features(first) == expected);
    const auto kept = files_in(temp.path() / "packed");
    REQUIRE(kept.size() == 1);
    CHECK(fs::file_size(kept[0]) == 4096 + first.packed_bytes());
  }
  Model<Net, Cpu> second(2, 1);
  CHECK(features(second) == expected);
  CHECK(files_in(temp.path() / "packed").size() == 1);
  const Model<Net, Cpu> other(2, 2);
  CHECK(files_in(temp.path() / "packed").size() == 2);
  CHECK(features(other) != expected);
  // Parameters that are replaced are packed anew, and nothing is written of them.
  second.set_parameters([&](std::span<float> mine) { std::ranges::copy(other.parameters(), mine.begin()); });
  CHECK(features(second) == features(other));
  CHECK(files_in(temp.path() / "packed").size() == 2);
  CHECK(said.empty());
}

TEST_CASE("Packed weights that are not whole are packed anew, and said", "[io]") {
  const TempFolder temp;
  std::string said;
  PackedWeightFiles files(temp.path(), {.warn = [&](const std::string& what) { said += what; }});
  const WithWeightStore with(files);
  const auto expected = features(Model<Net, Cpu>(2, 1));
  const fs::path file = files_in(temp.path()).at(0);
  const auto size = fs::file_size(file);
  for (const auto other : {std::uintmax_t{0}, size - 1, size + 1}) {
    said.clear();
    fs::resize_file(file, other);
    CHECK(features(Model<Net, Cpu>(2, 1)) == expected);
    CHECK(said.find(file.string()) != std::string::npos);
    CHECK(fs::file_size(file) == size);  // and written again
  }
  said.clear();
  fs::remove(file);
  fs::create_directory(file);
  CHECK(features(Model<Net, Cpu>(2, 1)) == expected);
  CHECK(said.find("packed anew") != std::string::npos);
}

TEST_CASE("A folder of packed weights keeps to its budget", "[io]") {
  const TempFolder temp;
  const std::size_t one = 4096 + Model<Net, Cpu>(2, 1).packed_bytes();
  std::string said;
  PackedWeightFiles files(temp.path(), {.budget = 2 * one, .warn = [&](const std::string& what) { said += what; }});
  const WithWeightStore with(files);
  for (const std::uint64_t seed : {1, 2, 3}) static_cast<void>(Model<Net, Cpu>(2, seed));
  CHECK(files_in(temp.path()).size() == 2);
  PackedWeightFiles small(temp.path() / "small", {.budget = 100, .warn = [&](const std::string& what) { said += what; }});
  const WithWeightStore with_small(small);
  static_cast<void>(Model<Net, Cpu>(2, 1));
  CHECK(files_in(temp.path() / "small").empty());
  CHECK(said.find("may take") != std::string::npos);
}
