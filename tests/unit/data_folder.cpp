#include <cxrnet/data/folder.hpp>

#include "data_fixtures.hpp"
#include "shared.hpp"

#include <nlohmann/json.hpp>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::vector<std::string> names(const ImageFolder& folder) {
  std::vector<std::string> result;
  for (const auto& item : folder.items) result.push_back(item.name);
  return result;
}

}  // namespace

TEST_CASE("class folders are listed as Keras lists them", "[folder]") {
  const TemporaryFolder folder;
  for (const char* name : {"b/2.png", "b/10.PNG", "b/notes.txt", "b/x.tiff", "b/c.bmp", "b/sub/z.jpg", "b/sub a/y.jpeg",
                           "b/sub/deep/w.png",                            "b/notapng", "A/1.jpg", "a/1.jpg", "loose.png", "b/scan.gif"}) {
    folder.write(name, bytes_of("x"));
  }
  std::filesystem::create_directory(folder.path() / "b/folder.png");
  std::filesystem::create_directory_symlink(folder.path() / "A", folder.path() / "b/link");
  std::filesystem::create_directory_symlink(folder.path() / "A", folder.path() / "z");

  const ImageFolder listed = list_image_folder(folder.path());
  CHECK(listed.classes == std::vector<std::string>{"A", "a", "b", "z"});
  // Folders are sorted as whole strings, "sub a" before "sub/deep"; a class may be a link, but none below is followed.
  CHECK(names(listed) == std::vector<std::string>{"A/1.jpg", "a/1.jpg", "b/10.PNG", "b/2.png", "b/c.bmp", "b/notapng",
                                                  "b/x.tiff", "b/sub/z.jpg", "b/sub a/y.jpeg", "b/sub/deep/w.png", "z/1.jpg"});
  CHECK(listed.items[2].label == 2);
  CHECK(listed.items[2].file == folder.path() / "b/10.PNG");
  CHECK(listed.ignored.size() == 3);
}

TEST_CASE("folders that cannot be a data set are refused by name", "[folder]") {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::filesystem::path& path) {
    return message_of<DataError>([&] { (void)list_image_folder(path); });
  };
  CHECK(has(refusal(folder.path() / "none"), "none does not exist"));
  CHECK(has(refusal(folder.path()), "has no subfolder"));
  CHECK(has(refusal(folder.write("file.png", bytes_of("x"))), "file.png is not a folder"));
  folder.write("COVID/a.png", bytes_of("x"));
  folder.write("Normal/readme.txt", bytes_of("x"));
  CHECK(has(refusal(folder.path()), (folder.path() / "Normal").string() + " has no image"));
}

TEST_CASE("classes unlike the model's are refused, both sides listed", "[folder]") {
  ImageFolder folder;
  folder.root = "test";
  folder.classes = {"COVID", "Normal", "Pneumonia"};
  const std::vector<std::string> model{"COVID", "Normal"};
  const auto message = message_of<DataError>([&] { match_classes(folder, model); });
  CHECK(has(message, "COVID, Normal, Pneumonia where the model has COVID, Normal"));
  folder.classes.pop_back();
  CHECK_NOTHROW(match_classes(folder, model));
}

TEST_CASE("the golden training folder is listed in Keras's order", "[folder][golden]") {
  const auto shared = shared_or_skip("golden/batches");
  if (!shared) return;
  std::ifstream in(*shared / "golden/batches/seed7.json");
  const auto golden = nlohmann::json::parse(in);
  CHECK(names(list_image_folder(*shared / "cxr/train")) == golden["filenames"].get<std::vector<std::string>>());
}
