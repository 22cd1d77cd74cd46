#include <cxrnet/io/hdf5_read.hpp>

#include <functional>
#include <numeric>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::hdf5::Handle;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

namespace {

// A file made by HDF5's own C interface.
class Made {
 public:
  explicit Made(const std::function<void(hid_t)>& fill) {
    const Handle file(H5Fcreate(path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    REQUIRE(file.valid());
    fill(file.get());
  }
  [[nodiscard]] fs::path path() const { return temp_.path() / "a.h5"; }
  [[nodiscard]] fs::path folder() const { return temp_.path(); }

 private:
  TempFolder temp_;
};

struct Options {
  hid_t type = H5T_IEEE_F32LE;
  std::vector<hsize_t> chunk = {};
  int gzip = 0;
};

// A dataset 0, 1, 2, ...; `edit` changes its creation properties, `write` false leaves it empty.
enum class Data { written, missing };
void make_set(hid_t at, const char* name, std::vector<hsize_t> dims, const Options& options = {},
              const std::function<void(hid_t)>& edit = {}, Data data = Data::written) {
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (!options.chunk.empty()) H5Pset_chunk(plan.get(), static_cast<int>(options.chunk.size()), options.chunk.data());
  if (options.gzip > 0) H5Pset_deflate(plan.get(), static_cast<unsigned>(options.gzip));
  if (edit) edit(plan.get());
  const Handle set(H5Dcreate2(at, name, options.type, space.get(), H5P_DEFAULT, plan.get(), H5P_DEFAULT), H5Dclose);
  REQUIRE(set.valid());
  if (data == Data::missing) return;
  std::vector<float> values(std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>()));
  std::iota(values.begin(), values.end(), 0.0F);
  REQUIRE(H5Dwrite(set.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
}

Handle half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  return type;
}

std::string refusal(const Made& made, const std::string& set = "/t") {
  return message_of<cxrnet::FormatError>([&] { (void)cxrnet::hdf5::Reader(made.path()).tensor(set, "t"); });
}

}  // namespace

TEST_CASE("datasets Keras writes are read: contiguous, chunked, gzip, other widths and byte orders", "[io]") {
  const Handle half = half_type();
  const Made made([&](hid_t file) {
    make_set(file, "plain", {2, 3});
    make_set(file, "chunked", {5, 3}, {H5T_IEEE_F32LE, {2, 2}, 0});
    make_set(file, "gzip", {50, 30}, {H5T_IEEE_F32LE, {20, 20}, 4});
    make_set(file, "shuffled", {50, 30}, {H5T_IEEE_F32LE, {20, 20}, 4},
             [](hid_t plan) { H5Pset_shuffle(plan), H5Pset_fletcher32(plan); });
    make_set(file, "half", {4}, {half.get(), {}, 0});
    make_set(file, "double", {4}, {H5T_IEEE_F64BE, {}, 0});
    make_set(file, "scalar", {});
    make_set(file, "empty", {0, 3});
  });
  cxrnet::hdf5::Reader reader(made.path());
  for (const std::string name : {"plain", "chunked", "gzip", "shuffled", "half", "double", "scalar", "empty"}) {
    INFO(name);
    const cxrnet::NamedTensor tensor = reader.tensor("/" + name, name);
    CHECK(tensor.name == name);
    std::vector<float> expected(tensor.values.size());
    std::iota(expected.begin(), expected.end(), 0.0F);
    CHECK(tensor.values == expected);
    CHECK(cxrnet::element_count(tensor.dims) == expected.size());
  }
  CHECK(reader.tensor("/plain", "").dims == std::vector<std::size_t>{2, 3});
  CHECK(reader.tensor("/scalar", "").dims.empty());
  CHECK(reader.children("/").size() == 8);
}

TEST_CASE("links that leave the file or point elsewhere are refused", "[io]") {
  const Made other([](hid_t file) { make_set(file, "t", {4}); });
  const Made made([&](hid_t file) {
    make_set(file, "real", {4});
    const Handle group(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    H5Lcreate_external(other.path().c_str(), "/t", file, "t", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(other.path().c_str(), "/", file, "root", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/real", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  });
  for (const char* path : {"/t", "/root/t", "/soft", "/dangling", "/g/../real/../t"}) {
    INFO(path);
    const std::string message = refusal(made, path);
    const bool link = has(message, "is a link to another place or file, which is refused");
    CHECK((link || has(message, "there is no /g/../real/../t")));
  }
  CHECK(has(refusal(made, "/./t"), "there is no"));
  CHECK(has(refusal(made, "/real/t"), "there is no"));
  CHECK(has(refusal(made, "/g"), "is a group"));
  CHECK(has(refusal(made, "/none"), "there is no /none"));
  CHECK(cxrnet::hdf5::Reader(made.path()).tensor("/real", "t").values.size() == 4);
}

TEST_CASE("data kept in other files are refused", "[io]") {
  const Made external([](hid_t file) {
    make_set(file, "t", {4}, {}, [](hid_t plan) { H5Pset_external(plan, "/etc/passwd", 0, 16); }, Data::missing);
  });
  CHECK(has(refusal(external), "keeps its data in other files, which is refused"));
  const Made source([](hid_t file) { make_set(file, "t", {4}); });
  const Made virtual_set([&](hid_t file) {
    const hsize_t four = 4;
    const Handle space(H5Screate_simple(1, &four, nullptr), H5Sclose);
    make_set(file, "t", {4}, {},
             [&](hid_t plan) { H5Pset_virtual(plan, space.get(), source.path().c_str(), "/t", space.get()); },
             Data::missing);
  });
  CHECK(has(refusal(virtual_set), "is a virtual dataset, which is refused"));
}

TEST_CASE("shapes that the file cannot fill are refused before memory is taken", "[io]") {
  const std::vector<hsize_t> huge{hsize_t{1} << 20U, hsize_t{1} << 20U};
  const Made bomb([&](hid_t file) { make_set(file, "t", huge, {H5T_IEEE_F32LE, {1024, 1024}, 9}, {}, Data::missing); });
  CHECK(has(refusal(bomb), "claims (1048576, 1048576), more than any network"));
  const Made hollow([&](hid_t file) { make_set(file, "t", {1024, 1024}, {H5T_IEEE_F32LE, {64, 64}, 9}, {}, Data::missing); });
  CHECK(has(refusal(hollow), "is not whole"));
  const Made late([](hid_t file) { make_set(file, "t", {1024, 1024}, {}, {}, Data::missing); });
  CHECK(has(refusal(late), "is not whole"));
  const Made chunk([](hid_t file) {
    const hsize_t four = 4, unlimited = H5S_UNLIMITED, large = 1U << 26U;
    const Handle space(H5Screate_simple(1, &four, &unlimited), H5Sclose);
    const Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(plan.get(), 1, &large);
    H5Pset_deflate(plan.get(), 9);
    const Handle set(H5Dcreate2(file, "t", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, plan.get(), H5P_DEFAULT), H5Dclose);
    REQUIRE(set.valid());
  });
  CHECK(has(refusal(chunk), "is not whole"));
  const Made partial([](hid_t file) {
    make_set(file, "t", {64, 64}, {H5T_IEEE_F32LE, {32, 32}, 9}, {}, Data::missing);
    const Handle set(H5Dopen2(file, "t", H5P_DEFAULT), H5Dclose);
    const Handle all(H5Dget_space(set.get()), H5Sclose);
    const hsize_t zero[] = {0, 0}, part[] = {64, 32};
    H5Sselect_hyperslab(all.get(), H5S_SELECT_SET, zero, nullptr, part, nullptr);
    const Handle memory(H5Screate_simple(2, part, nullptr), H5Sclose);
    std::vector<float> values(64 * 32);
    std::iota(values.begin(), values.end(), 0.5F);
    REQUIRE(H5Dwrite(set.get(), H5T_NATIVE_FLOAT, memory.get(), all.get(), H5P_DEFAULT, values.data()) >= 0);
  });
  CHECK(has(refusal(partial), "is not whole"));
  const Made small([](hid_t file) { make_set(file, "t", {4}, {H5T_IEEE_F32LE, {4}, 9}, {}, Data::missing); });
  CHECK(has(refusal(small), "is not whole"));
  const Made squared([](hid_t file) {
    make_set(file, "t", {1024}, {H5T_IEEE_F32LE, {1024}, 9}, [](hid_t plan) { H5Pset_deflate(plan, 9); });
  });
  CHECK(has(refusal(squared), "compressed by something other than gzip"));
}

TEST_CASE("one dataset under many names does not multiply in memory", "[io]") {
  const Made made([](hid_t file) {
    make_set(file, "t0", {100000});
    for (int i = 1; i < 50; ++i) {
      H5Lcreate_hard(file, "t0", file, ("t" + std::to_string(i)).c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
  });
  cxrnet::hdf5::Reader reader(made.path());
  CHECK(reader.tensor("/t0", "").values.size() == 100000);
  CHECK(has(message_of<cxrnet::FormatError>([&] { (void)reader.tensor("/t1", ""); }), "claims more bytes than the file has"));
}

TEST_CASE("other types, layouts and ranks are refused", "[io]") {
  const Made made([](hid_t file) {
    make_set(file, "integers", {4}, {H5T_STD_I32LE, {}, 0});
    make_set(file, "compact", {4}, {}, [](hid_t plan) { H5Pset_layout(plan, H5D_COMPACT); });
    make_set(file, "nine", std::vector<hsize_t>(9, 1));
    const Handle odd(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
    H5Tset_ebias(odd.get(), 100);
    make_set(file, "odd", {4}, {odd.get(), {}, 0});
    make_set(file, "nbit", {4}, {H5T_IEEE_F32LE, {4}, 0}, [](hid_t plan) { H5Pset_nbit(plan); });
    const Handle null(H5Screate(H5S_NULL), H5Sclose);
    const Handle set(H5Dcreate2(file, "null", H5T_IEEE_F32LE, null.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  });
  CHECK(has(refusal(made, "/integers"), "holds no floating-point numbers"));
  CHECK(has(refusal(made, "/compact"), "is neither contiguous nor in chunks"));
  CHECK(has(refusal(made, "/nine"), "has no usual shape"));
  CHECK(has(refusal(made, "/odd"), "an unusual kind of floating-point numbers"));
  CHECK(has(refusal(made, "/nbit"), "compressed by something other than gzip"));
  CHECK(has(refusal(made, "/null"), "has no usual shape"));
}

TEST_CASE("text attributes: variable and fixed length, split, empty, and none", "[io]") {
  const Made made([](hid_t file) {
    const auto fixed = [&](const char* name, std::vector<char> bytes, std::size_t width) {
      const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
      H5Tset_size(type.get(), width);
      H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
      const hsize_t count = bytes.size() / width;
      const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
      const Handle attribute(H5Acreate2(file, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
      REQUIRE(H5Awrite(attribute.get(), type.get(), bytes.data()) >= 0);
    };
    fixed("names", {'a', 'b', 'c', 'd', 0, 0}, 3);
    fixed("long0", {'x', 'y'}, 1);
    fixed("long1", {'z', 'z'}, 2);
    const hsize_t none = 0, one = 1;
    const Handle empty(H5Screate_simple(1, &none, nullptr), H5Sclose), single(H5Screate_simple(1, &one, nullptr), H5Sclose);
    const Handle nothing(H5Acreate2(file, "empty", H5T_IEEE_F64LE, empty.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    const Handle number(H5Acreate2(file, "number", H5T_IEEE_F64LE, single.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  });
  cxrnet::hdf5::Reader reader(made.path());
  using Texts = std::vector<std::string>;
  CHECK(reader.texts("/", "names") == Texts{"abc", "d"});
  CHECK(reader.texts("/", "long") == Texts{"x", "y", "zz"});
  CHECK(reader.texts("/", "empty") == Texts{});
  CHECK(reader.texts("/", "none") == std::nullopt);
  CHECK(reader.text("/", "none") == std::nullopt);
  CHECK_THROWS_AS(reader.text("/", "names"), cxrnet::FormatError);
  CHECK_THROWS_AS(reader.texts("/", "number"), cxrnet::FormatError);
}

TEST_CASE("files cut short anywhere are refused", "[io]") {
  const Made made([](hid_t file) {
    make_set(file, "t", {64, 64});
    make_set(file, "z", {64, 64}, {H5T_IEEE_F32LE, {32, 32}, 4});
  });
  const auto size = fs::file_size(made.path());
  for (std::uintmax_t left : {size - 1, size * 3 / 4, size / 2, size / 4, std::uintmax_t{96}, std::uintmax_t{8}}) {
    const fs::path cut = made.folder() / "cut.h5";
    fs::copy_file(made.path(), cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, left);
    CHECK(has(message_of<cxrnet::FormatError>([&] { cxrnet::hdf5::Reader reader(cut); }), "it may be cut short"));
  }
}
