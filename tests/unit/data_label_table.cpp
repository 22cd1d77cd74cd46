#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/label_table.hpp>

#include "data_fixtures.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// A folder of six small images and tables beside it.
struct Table {
  TemporaryFolder folder;

  Table() {
    for (unsigned i = 0; i < 6; ++i) folder.write("images/" + std::to_string(i) + ".png", grey_png(6, 5, i));
  }
  ImageFolder list(const std::string& text, const LabelTableOptions& options = {}) const {
    return list_label_table(folder.write("table.csv", bytes_of(text)), folder.path() / "images", options);
  }
  std::string refusal(const std::string& text, const LabelTableOptions& options = {}) const {
    return message_of<DataError>([&] { (void)list(text, options); });
  }
};

constexpr const char* header = "Image Index,Finding Labels,Age\n";

}  // namespace

TEST_CASE("NIH ChestX-ray14's table is images with any number of labels", "[label_table]") {
  const Table table;
  const ImageFolder listed = table.list(std::string("\xEF\xBB\xBF") + header +
                                        "3.png,Mass|Effusion,58\r\n"
                                        "0.png,No Finding,60\r\n"
                                        "\r\n"
                                        "\"1.png\",\"Effusion\",\"6\"\"0,\n1\"\n"
                                        "2.png,,1\n"
                                        "5.png,Mass|Mass|Atelectasis,1");
  CHECK(listed.labelling == Labelling::several);
  CHECK(listed.classes == std::vector<std::string>{"Atelectasis", "Effusion", "Mass"});
  REQUIRE(listed.items.size() == 5);
  const std::vector<std::vector<int>> labels{{1, 2}, {}, {1}, {}, {0, 2}};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    CHECK(listed.items[i].labels == labels[i]);
    CHECK(listed.items[i].label == -1);
  }
  CHECK(listed.items[2].name == "1.png");
  CHECK(listed.items[2].file == table.folder.path() / "images/1.png");

  const ImageDataset dataset(listed, {.size = {4, 4}});
  std::vector<float> row(3);
  dataset.target(0, row);
  CHECK(row == std::vector<float>{0, 1, 1});
  dataset.target(1, row);
  CHECK(row == std::vector<float>{0, 0, 0});
  row.resize(4);
  dataset.target(4, row);
  CHECK(row == std::vector<float>{1, 0, 1, 0});
  row.resize(2);
  CHECK(has(message_of<ArgumentError>([&] { dataset.target(4, row); }), "has 3 classes, the network 2"));
}

TEST_CASE("Other columns, and the classes of a model", "[label_table]") {
  const Table table;
  const LabelTableOptions options{.file_column = "path", .label_column = "what", .separator = ';', .none = "healthy",
                                  .classes = {"b", "a", "c"}};
  const ImageFolder listed = table.list("what,path\na;b,0.png\nhealthy,./1.png\n", options);
  CHECK(listed.classes == std::vector<std::string>{"b", "a", "c"});
  CHECK(listed.items[0].labels == std::vector<int>{0, 1});
  CHECK(listed.items[1].labels.empty());
  CHECK(has(table.refusal("what,path\nd,0.png\n", options), "line 2: the label 'd' is none of b, a, c"));
  CHECK_THROWS_AS(table.list("what,path\n", {.file_column = "path", .label_column = "what", .classes = {"a", "a"}}),
                  ArgumentError);
}

TEST_CASE("A table that says something else is refused with its line", "[label_table]") {
  const Table table;
  const auto after = [&](const std::string& rows) { return table.refusal(header + rows); };
  table.folder.write("outside.png", grey_png(6, 5, 1));
  for (const std::string name : {"../outside.png", "x/../../outside.png", "/etc/hostname", "", ".."}) {
    CHECK(has(after("0.png,a,1\n" + name + ",a,1\n"), "line 3: '" + name + "' is no file within"));
  }
  CHECK(has(after("7.png,a,1\n"), "line 2: there is no file"));
  CHECK(has(after(".,a,1\n"), "line 2: there is no file"));
  CHECK(has(after("0.png,a,\"1\n\n2\"\n0.png,a,1\n"), "line 5: '0.png' is listed before, in line 2"));
  CHECK(has(after("0.png,a\n"), "line 2: there are 2 fields, and 3 in the header"));
  CHECK(has(after("0.png,\"a\"b,1\n"), "a quote stands within a field"));
  CHECK(has(after("0.png,a\"b,1\n"), "a quote stands within a field"));
  CHECK(has(after("0.png,\"a,1\n"), "line 2: a quoted field has no end"));
  CHECK(has(after(std::string("0.png,a\0,1\n", 11)), "zero byte"));
  CHECK(has(after(""), "lists no image"));
  CHECK(has(after("0.png,No Finding,1\n"), "gives no image a label"));
  CHECK(has(table.refusal(""), "needs a header"));
  CHECK(has(table.refusal("file,label\n0.png,a\n"), "no column 'Image Index' among file, label"));
  const auto missing = table.folder.path() / "none.csv";
  CHECK(has(message_of<FileError>([&] { (void)list_label_table(missing, table.folder.path()); }), "none.csv"));
  CHECK_THROWS_AS(list_label_table(table.folder.path(), table.folder.path()), FileError);
}
