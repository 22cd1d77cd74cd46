#pragma once
#include <hdf5.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hdf5.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/named_tensors.hpp>

namespace cxrnet::hdf5 {

/// An HDF5 file open for reading that trusts nothing in it. Paths are "/a/b"; each part must be a plain (hard) link, so
/// that nothing outside the file is ever reached. Throws FormatError. HDF5's own parsing of crafted metadata is only as
/// safe as the installed library.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : path_(path.string()), size_(InputFile(path).size()), file_(open_file(path_, H5P_DEFAULT)) {}
  /// The file in memory; `path` is what messages name.
  Reader(const std::filesystem::path& path, std::span<const std::byte> image)
      : path_(path.string()), size_(image.size()), file_(H5I_INVALID_HID, H5Fclose) {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    if (H5Pset_fapl_core(access.get(), std::size_t{1} << 20U, 0) < 0 ||
        H5Pset_file_image(access.get(), const_cast<std::byte*>(image.data()), image.size()) < 0) {  // which it copies
      fail("it cannot be kept in memory (" + Session::reason() + ")");
    }
    file_ = open_file(path_ + "/in-memory", access.get());  // below a file, where nothing can be
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Whether there is a group of that path.
  [[nodiscard]] bool has_group(const std::string& path) {
    const auto object = open(path);
    return object && H5Iget_type(object->get()) == H5I_GROUP;
  }

  /// The names in a group, in the file's order of names.
  [[nodiscard]] std::vector<std::string> children(const std::string& path) {
    const Handle group = require(path);
    H5G_info_t info{};
    if (H5Gget_info(group.get(), &info) < 0) fail("the group " + shown(path) + " is damaged");
    entries_ += std::min(info.nlinks, max_entries);  // a group may hold itself: what is listed in all is bounded
    if (entries_ >= max_entries) fail("it has too many groups and datasets");
    std::vector<std::string> names;
    for (hsize_t i = 0; i < info.nlinks; ++i) {
      const ssize_t length = H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
      if (length < 0 || length > max_name) fail("the group " + shown(path) + " has a damaged name");
      std::string name(static_cast<std::size_t>(length) + 1, '\0');
      H5Lget_name_by_idx(group.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT);
      name.resize(static_cast<std::size_t>(length));
      names.push_back(std::move(name));
    }
    return names;
  }

  /// A text attribute, or nothing where there is none.
  [[nodiscard]] std::optional<std::string> text(const std::string& path, const std::string& attribute) {
    auto texts = attribute_texts(require(path), attribute);
    if (!texts) return std::nullopt;
    if (texts->size() != 1) fail("the attribute " + shown(attribute) + " is not one text");
    return std::move(texts->front());
  }

  /// A list of texts in Keras's manner: the attribute, or where it was too long its pieces `name0`, `name1`, ...
  [[nodiscard]] std::optional<std::vector<std::string>> texts(const std::string& path, const std::string& attribute) {
    const Handle object = require(path);
    if (auto whole = attribute_texts(object, attribute)) return whole;
    std::optional<std::vector<std::string>> all;
    for (std::size_t piece = 0; piece < max_entries; ++piece) {
      const auto part = attribute_texts(object, attribute + std::to_string(piece));
      if (!part) break;
      if (!all) all.emplace();
      all->insert(all->end(), part->begin(), part->end());
      if (all->size() > max_entries) fail("the attribute " + shown(attribute) + " is too long");
    }
    return all;
  }

  /// A dataset as float32. It must be whole, within the file, of floating-point numbers, contiguous or in chunks (plain
  /// or gzip).
  [[nodiscard]] NamedTensor tensor(const std::string& path, std::string name) {
    const Handle set = require(path);
    const auto bad = [&](const std::string& why) { fail("the dataset " + shown(path) + " " + why); };
    if (H5Iget_type(set.get()) != H5I_DATASET) bad("is a group");
    const std::size_t width = float_width(set, bad);
    NamedTensor result{std::move(name), dims_of(set, bad), {}};
    const auto count = element_count(result.dims);
    if (!count || *count > (max_bytes - claimed_) / 8) bad("claims " + dims_text(result.dims) + ", more than any network");
    claimed_ += *count * 8;
    check_storage(set, result.dims, *count * width, bad);
    result.values.resize(*count);
    if (*count != 0 && H5Dread(set.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.values.data()) < 0) {
      bad("cannot be read (" + Session::reason() + ")");
    }
    return result;
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError("'" + path_ + "' is not a sound weight file: " + why + "; fetch or save it again");
  }

 private:
  static constexpr hsize_t max_entries = 4096;
  static constexpr ssize_t max_name = 4096;
  static constexpr std::size_t max_bytes = std::size_t{8} << 30U;  // of all tensors, as doubles; VGG16 has 1.1 GB
  static constexpr std::size_t max_text = std::size_t{64} << 20U;  // of one attribute
  static constexpr std::uint64_t max_ratio = 1032;                 // what deflate can reach

  [[nodiscard]] Handle open_file(const std::string& name, hid_t access) const {
    Handle file(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    if (!file.valid()) fail("HDF5 cannot open it (" + Session::reason() + "); it may be cut short");
    return file;
  }

  [[nodiscard]] Handle require(const std::string& path) {
    auto object = open(path);
    if (!object) fail("there is no " + shown(path));
    return std::move(*object);
  }

  [[nodiscard]] std::optional<Handle> open(const std::string& path) {
    Handle at(H5Oopen(file_.get(), "/", H5P_DEFAULT), H5Oclose);
    if (!at.valid()) fail("its root is damaged");
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string part = path.substr(begin, end - begin);
      begin = end + 1;
      if (part.empty()) continue;
      H5L_info_t link{};
      if (part == "." || H5Iget_type(at.get()) != H5I_GROUP) return std::nullopt;
      if (H5Lexists(at.get(), part.c_str(), H5P_DEFAULT) <= 0) return std::nullopt;
      if (H5Lget_info(at.get(), part.c_str(), &link, H5P_DEFAULT) < 0) fail("the link " + shown(path) + " is damaged");
      if (link.type != H5L_TYPE_HARD) fail(shown(path) + " is a link to another place or file, which is refused");
      at = Handle(H5Oopen(at.get(), part.c_str(), H5P_DEFAULT), H5Oclose);
      if (!at.valid()) fail(shown(path) + " cannot be opened (" + Session::reason() + ")");
    }
    return at;
  }

  [[nodiscard]] std::optional<std::vector<std::string>> attribute_texts(const Handle& object, const std::string& name) {
    if (H5Aexists(object.get(), name.c_str()) <= 0) return std::nullopt;
    const auto bad = [&]() { fail("the attribute " + shown(name) + " is damaged or is no text"); };
    const Handle attribute(H5Aopen(object.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid()) bad();
    const Handle space(H5Aget_space(attribute.get()), H5Sclose), type(H5Aget_type(attribute.get()), H5Tclose);
    const hssize_t count = space.valid() ? H5Sget_simple_extent_npoints(space.get()) : -1;
    if (count == 0) return std::vector<std::string>{};  // Keras writes empty lists as numbers
    if (count < 0 || count > static_cast<hssize_t>(max_entries) || H5Tget_class(type.get()) != H5T_STRING) bad();
    const auto entries = static_cast<std::size_t>(count);
    std::vector<std::string> texts;
    if (H5Tis_variable_str(type.get()) > 0) {
      const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
      H5Tset_size(memory.get(), H5T_VARIABLE);
      H5Tset_cset(memory.get(), H5Tget_cset(type.get()));
      std::vector<char*> pointers(entries, nullptr);
      if (H5Aread(attribute.get(), memory.get(), pointers.data()) < 0) bad();
      for (const char* pointer : pointers) texts.emplace_back(pointer != nullptr ? pointer : "");
      H5Dvlen_reclaim(memory.get(), space.get(), H5P_DEFAULT, pointers.data());
      return texts;
    }
    const std::size_t width = H5Tget_size(type.get());
    if (width == 0 || width > max_text / entries || width * entries > size_) bad();
    std::string bytes(width * entries, '\0');
    if (H5Aread(attribute.get(), type.get(), bytes.data()) < 0) bad();
    for (std::size_t i = 0; i < entries; ++i) {
      const std::string piece = bytes.substr(i * width, width);
      texts.push_back(piece.substr(0, piece.find('\0')));
    }
    return texts;
  }

  template <class Bad>
  [[nodiscard]] static std::size_t float_width(const Handle& set, Bad bad) {
    const Handle type(H5Dget_type(set.get()), H5Tclose);
    if (!type.valid() || H5Tget_class(type.get()) != H5T_FLOAT) bad("holds no floating-point numbers");
    for (const hid_t known : {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE}) {
      if (H5Tequal(type.get(), known) > 0) return H5Tget_size(type.get());
    }
    std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    if (H5Tget_size(type.get()) != 2 || H5Tget_precision(type.get()) != 16 || H5Tget_offset(type.get()) != 0 ||
        H5Tget_fields(type.get(), &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0 || sign != 15 ||
        exponent != 10 || exponent_bits != 5 || mantissa != 0 || mantissa_bits != 10 || H5Tget_ebias(type.get()) != 15) {
      bad("holds an unusual kind of floating-point numbers");
    }
    return 2;
  }

  template <class Bad>
  [[nodiscard]] static std::vector<std::size_t> dims_of(const Handle& set, Bad bad) {
    const Handle space(H5Dget_space(set.get()), H5Sclose);
    const H5S_class_t kind = space.valid() ? H5Sget_simple_extent_type(space.get()) : H5S_NO_CLASS;
    const int rank = kind == H5S_SCALAR || kind == H5S_SIMPLE ? H5Sget_simple_extent_ndims(space.get()) : -1;
    if (rank < 0 || rank > 8) bad("has no usual shape");
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    if (rank > 0) H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
    return {extents.begin(), extents.end()};
  }

  template <class Bad>
  void check_storage(const Handle& set, const std::vector<std::size_t>& dims, std::size_t bytes, Bad bad) {
    const Handle plan(H5Dget_create_plist(set.get()), H5Pclose);
    if (!plan.valid() || H5Pget_external_count(plan.get()) != 0) bad("keeps its data in other files, which is refused");
    const H5D_layout_t layout = H5Pget_layout(plan.get());
    if (layout == H5D_VIRTUAL) bad("is a virtual dataset, which is refused");
    if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED) bad("is neither contiguous nor in chunks");
    const std::uint64_t stored = H5Dget_storage_size(set.get());
    std::uint64_t ratio = 1;
    for (int i = 0, filters = H5Pget_nfilters(plan.get()), gzips = 0; i < filters; ++i) {
      unsigned flags = 0, config = 0;
      std::size_t values = 0;
      const H5Z_filter_t filter =
          H5Pget_filter2(plan.get(), static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
      if (filter == H5Z_FILTER_DEFLATE && ++gzips == 1) {
        ratio = max_ratio;
      } else if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
        bad("is compressed by something other than gzip");
      }
    }
    // Several links to one dataset would make a small file large in memory: what is read must fit the file in all.
    if (stored > size_ - std::min(size_, read_)) bad("claims more bytes than the file has");
    read_ += stored;
    const auto fits = [&](std::uint64_t claimed) { return claimed / ratio + (claimed % ratio != 0) <= stored; };
    if (!fits(bytes)) bad("is not whole: its data are not all in the file");
    if (layout != H5D_CHUNKED || bytes == 0) return;
    std::vector<hsize_t> chunk(dims.size(), 0);
    if (H5Pget_chunk(plan.get(), static_cast<int>(chunk.size()), chunk.data()) != static_cast<int>(chunk.size())) {
      bad("has chunks of another rank");
    }
    const auto elements = element_count(std::vector<std::size_t>(chunk.begin(), chunk.end()));
    if (!elements || *elements == 0 || *elements > max_bytes / 8 || !fits(*elements)) bad("has chunks larger than the file");
    const Handle space(H5Dget_space(set.get()), H5Sclose);
    hsize_t expected = 1, present = 0;  // at most as many as elements, whose product is known to fit
    for (std::size_t i = 0; i < dims.size(); ++i) expected *= dims[i] / chunk[i] + (dims[i] % chunk[i] != 0);
    if (H5Dget_num_chunks(set.get(), space.get(), &present) < 0 || present != expected) {
      bad("is not whole: its data are not all in the file");
    }
  }

  Session session_;
  std::string path_;
  std::uint64_t size_, read_ = 0;
  std::size_t claimed_ = 0;
  hsize_t entries_ = 0;
  Handle file_;
};

}  // namespace cxrnet::hdf5
