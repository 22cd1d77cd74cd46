#pragma once
#include <hdf5.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/hdf5.hpp>

namespace cxrnet::hdf5 {

/// An HDF5 file, made in memory for `bytes`, or at a path. The same calls give the same bytes: no times are kept. Paths are
/// "/a/b", whose groups are created where missing. Throws Error; of a file, FileError, after which HDF5 1.10 crashes when
/// the process ends: write files in a process of their own, as `detail::write_isolated` does.
class Writer {
 public:
  Writer() : place_(Place::memory), file_(create("cxrnet-in-memory")) {}
  explicit Writer(const std::filesystem::path& path) : place_(Place::disk), file_(create(path)) {}

  void group(const std::string& path) {
    std::string at;
    for (std::size_t begin = path.find_first_not_of('/'); begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      at += "/" + path.substr(begin, end - begin);
      begin = end + 1;
      if (H5Lexists(file_.get(), at.c_str(), H5P_DEFAULT) > 0) continue;
      require(Handle(H5Gcreate2(file_.get(), at.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose));
    }
  }

  /// A UTF-8 text attribute of the group at `path`.
  void text(const std::string& path, const std::string& name, const std::string& value) {
    const char* pointer = value.c_str();
    write_texts(path, name, Handle(H5Screate(H5S_SCALAR), H5Sclose), &pointer);
  }

  /// A list of UTF-8 texts, 4000 at most, as an attribute of the group at `path`.
  void texts(const std::string& path, const std::string& name, std::span<const std::string> values) {
    if (values.size() > 4000) throw ArgumentError("an HDF5 attribute cannot hold more than 4000 names");
    std::vector<const char*> pointers;
    for (const std::string& value : values) pointers.push_back(value.c_str());
    const hsize_t count = values.size();
    write_texts(path, name, Handle(H5Screate_simple(1, &count, nullptr), H5Sclose), pointers.data());
  }

  /// A contiguous float32 dataset, little-endian.
  void tensor(const std::string& path, std::span<const std::size_t> dims, std::span<const float> values) {
    group(path.substr(0, path.rfind('/')));
    const std::vector<hsize_t> extents(dims.begin(), dims.end());
    const Handle space = require({H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose});
    const Handle plan = require({H5Pcreate(H5P_DATASET_CREATE), H5Pclose});
    check(H5Pset_obj_track_times(plan.get(), 0));
    const Handle set = require(
        {H5Dcreate2(file_.get(), path.c_str(), H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, plan.get(), H5P_DEFAULT), H5Dclose});
    check(H5Dwrite(set.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  }

  /// The file's bytes.
  [[nodiscard]] std::vector<std::byte> bytes() {
    check(H5Fflush(file_.get(), H5F_SCOPE_LOCAL));
    const ssize_t size = H5Fget_file_image(file_.get(), nullptr, 0);
    check(size < 0 ? -1 : 0);
    std::vector<std::byte> image(static_cast<std::size_t>(size));
    check(H5Fget_file_image(file_.get(), image.data(), image.size()) == size ? 0 : -1);
    return image;
  }

  /// Closes the file, on the disk as far as HDF5 knows: the last call. Throws FileError.
  void close() { check(file_.close()); }

 private:
  enum class Place { memory, disk };

  void check(herr_t status) const {
    if (status >= 0) return;
    if (place_ == Place::disk) throw FileError(Session::reason() + "; is the disk full?");
    throw Error("HDF5 cannot build the file in memory (" + Session::reason() + "); is memory full?");
  }
  Handle require(Handle handle) const {
    check(handle.valid() ? 0 : -1);
    return handle;
  }

  Handle create(const std::filesystem::path& path) const {
    const Handle access = require({H5Pcreate(H5P_FILE_ACCESS), H5Pclose});
    if (place_ == Place::memory) check(H5Pset_fapl_core(access.get(), std::size_t{16} << 20U, 0));
    return require({H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose});
  }

  void write_texts(const std::string& path, const std::string& name, const Handle& space, const void* pointers) {
    const Handle owner = require({H5Oopen(file_.get(), path.c_str(), H5P_DEFAULT), H5Oclose});
    const Handle type = require({H5Tcopy(H5T_C_S1), H5Tclose});
    check(H5Tset_size(type.get(), H5T_VARIABLE));
    check(H5Tset_cset(type.get(), H5T_CSET_UTF8));
    check(space.valid() ? 0 : -1);
    const Handle attribute =
        require({H5Acreate2(owner.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose});
    if (H5Sget_simple_extent_npoints(space.get()) > 0) check(H5Awrite(attribute.get(), type.get(), pointers));
  }

  Session session_;
  Place place_;
  Handle file_;
};

}  // namespace cxrnet::hdf5
