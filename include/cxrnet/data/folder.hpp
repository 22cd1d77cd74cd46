#pragma once
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace cxrnet {

/// Whether each image is of one class, or has any number of labels, none included.
enum class Labelling { one, several };

/// Labelled images: a folder with one subfolder a class, as Keras's flow_from_directory lists it, or a table's
/// (label_table.hpp).
struct ImageFolder {
  struct Item {
    std::filesystem::path file;
    std::string name;  ///< Relative to the root: "COVID/1.png".
    int label;         ///< Index into `classes`; -1 where there may be several.
    std::vector<int> labels{};  ///< Where there may be several: rising indices into `classes`.
  };
  std::filesystem::path root;
  Labelling labelling = Labelling::one;
  std::vector<std::string> classes;            ///< The subfolders' names, sorted by bytes.
  std::vector<Item> items;                     ///< By class, then folder, then file name.
  std::vector<std::filesystem::path> ignored;  ///< Files with other extensions, or outside a class folder.
};

namespace detail {

/// Keras's rule: the lower-cased name ends with one of these, with or without a dot before.
inline bool has_listed_extension(std::string_view name) {
  static constexpr std::array<std::string_view, 7> endings{"png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"};
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::any_of(endings, [&](std::string_view ending) { return lower.ends_with(ending); });
}

inline std::vector<std::filesystem::directory_entry> sorted_entries(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::directory_entry> entries;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(*it);
  }
  if (error) {
    throw DataError("The folder " + folder.string() + " cannot be listed (" + error.message() +
                    "): check its permissions.");
  }
  std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().filename().string(); });
  return entries;
}

/// Folder and everything below it, except through links. Symbolic links to folders are not followed, as by os.walk.
inline void collect_folders(const std::filesystem::path& folder, std::vector<std::filesystem::path>& folders) {
  folders.push_back(folder);
  for (const auto& entry : sorted_entries(folder)) {
    std::error_code error;
    if (entry.is_directory(error) && !entry.is_symlink(error)) collect_folders(entry.path(), folders);
  }
}

inline std::string list_names(std::span<const std::string> names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace detail

/// Lists a folder of class folders; throws DataError where it is missing, has no class folder, or one has no image.
/// Listed are .png, .jpg, .jpeg, and .bmp, .ppm, .tif and .tiff, which Keras lists and decoding refuses by name.
[[nodiscard]] inline ImageFolder list_image_folder(const std::filesystem::path& root) {
  std::error_code error;
  if (!std::filesystem::exists(root, error)) {
    throw DataError("The folder " + root.string() + " does not exist: name a folder with one subfolder for each class.");
  }
  if (!std::filesystem::is_directory(root, error)) {
    throw DataError(root.string() + " is not a folder: name a folder with one subfolder for each class.");
  }
  ImageFolder result;
  result.root = root;
  for (const auto& entry : detail::sorted_entries(root)) {
    if (entry.is_directory(error)) {
      result.classes.push_back(entry.path().filename().string());
    } else {
      result.ignored.push_back(entry.path());
    }
  }
  if (result.classes.empty()) {
    throw DataError("The folder " + root.string() +
                    " has no subfolder: put the images into one subfolder for each class.");
  }
  for (std::size_t label = 0; label < result.classes.size(); ++label) {
    const auto class_folder = root / result.classes[label];
    std::vector<std::filesystem::path> folders;
    detail::collect_folders(class_folder, folders);
    // os.walk's folders are sorted as whole strings, where "a b" comes before "a/b".
    std::ranges::sort(folders, {}, [](const auto& folder) { return folder.string(); });
    const auto before = result.items.size();
    for (const auto& folder : folders) {
      for (const auto& entry : detail::sorted_entries(folder)) {
        if (entry.is_directory(error)) continue;
        const auto& file = entry.path();
        if (!detail::has_listed_extension(file.filename().string())) {
          result.ignored.push_back(file);
          continue;
        }
        const auto relative = file.lexically_relative(class_folder).generic_string();
        result.items.push_back({file, result.classes[label] + "/" + relative, static_cast<int>(label)});
      }
    }
    if (result.items.size() == before) {
      throw DataError("The class folder " + class_folder.string() +
                      " has no image: put PNG or JPEG files into it, or remove it.");
    }
  }
  return result;
}

/// Throws DataError, listing both sides, where a folder's classes are not the model's.
inline void match_classes(const ImageFolder& folder, std::span<const std::string> classes) {
  if (std::ranges::equal(folder.classes, classes)) return;
  throw DataError("The folder " + folder.root.string() + " has the classes " + detail::list_names(folder.classes) +
                  " where the model has " + detail::list_names(classes) +
                  ": give the class folders the model's names, or train on this folder.");
}

}  // namespace cxrnet
