#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/keras_h5.hpp>
#include <cxrnet/io/match.hpp>
#include <cxrnet/io/natural_order.hpp>
#include <cxrnet/io/safetensors.hpp>

#include <cstdlib>

#include "catch.hpp"
#include "message.hpp"
#include "shared.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

namespace {

using Dims = std::vector<std::size_t>;
using Texts = std::vector<std::string>;

std::vector<cxrnet::WantedTensor> like(const cxrnet::NamedTensors& model) {
  std::vector<cxrnet::WantedTensor> wanted;
  for (const auto& tensor : model.tensors) wanted.push_back({tensor.name, tensor.dims});
  return wanted;
}

std::string refusal(cxrnet::hdf5::Writer& file) {
  const TempFolder temp;
  cxrnet::write_atomically(temp.path() / "a.h5", file.bytes());
  return message_of<cxrnet::FormatError>([&] { (void)cxrnet::read_keras_h5(temp.path() / "a.h5"); });
}

// The network VGG16 without its top, as match() wants it.
std::vector<cxrnet::WantedTensor> vgg16() {
  std::vector<cxrnet::WantedTensor> wanted;
  std::size_t in = 3;
  const std::size_t convs[] = {2, 2, 3, 3, 3}, filters[] = {64, 128, 256, 512, 512};
  for (std::size_t block = 0; block < 5; ++block) {
    for (std::size_t conv = 1; conv <= convs[block]; ++conv, in = filters[block]) {
      const std::string layer = "block" + std::to_string(block + 1) + "_conv" + std::to_string(conv);
      wanted.push_back({layer + ".kernel", {3, 3, in, filters[block]}});
      wanted.push_back({layer + ".bias", {filters[block]}});
    }
  }
  return wanted;
}

}  // namespace

TEST_CASE("every layout of Keras's HDF5 files gives the tensors Keras had", "[io]") {
  const char* set = std::getenv("CXRNET_KERAS_MODELS");
  const fs::path folder = set != nullptr ? set : CXRNET_SOURCE_DIR "/tests/interop/files";
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    INFO(entry.path());
    const cxrnet::NamedTensors expected = cxrnet::read_safetensors(entry.path().string() + ".safetensors");
    const cxrnet::NamedTensors read = cxrnet::read_keras_h5(entry.path());
    CHECK(read.metadata.empty());
    const auto tensors = cxrnet::match(like(expected), read, entry.path().string());
    REQUIRE(tensors.size() == expected.tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) CHECK(tensors[i]->values == expected.tensors[i].values);
    ++files;
  }
  CHECK(files >= 13);
}

TEST_CASE("a head that Keras numbered otherwise loads into dense, dense_1, ...", "[io]") {
  for (const char* name : {"deep.h5", "deep.weights.h5"}) {
    const fs::path path = fs::path(CXRNET_SOURCE_DIR "/tests/interop/files") / name;
    const cxrnet::NamedTensors expected = cxrnet::read_safetensors(path.string() + ".safetensors");
    auto wanted = like(expected);
    REQUIRE(wanted.size() == 24);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i].name = "dense" + (i < 2 ? "" : "_" + std::to_string(i / 2)) + (i % 2 == 0 ? ".kernel" : ".bias");
    }
    const cxrnet::NamedTensors read = cxrnet::read_keras_h5(path);
    const auto tensors = cxrnet::match(wanted, read, name);
    for (std::size_t i = 0; i < tensors.size(); ++i) CHECK(tensors[i]->values == expected.tensors[i].values);
  }
}

TEST_CASE("the official layout loads, and what it lacks is named", "[io][golden]") {
  const auto shared = cxrnet::test::shared_or_skip("Keras's official layout");
  if (!shared) return;
  const fs::path path = *shared / "golden/formats/official_layout_block1_only.h5";
  const cxrnet::NamedTensors read = cxrnet::read_keras_h5(path);
  REQUIRE(read.tensors.size() == 4);
  const auto wanted = vgg16();
  const auto tensors = cxrnet::match(std::span(wanted).first(4), read, path.string());
  CHECK(tensors[0]->name == "block1_conv1.kernel");
  CHECK(tensors[3]->dims == Dims{64});
  const std::string message =
      message_of<cxrnet::FormatError>([&] { (void)cxrnet::match(wanted, read, "w.h5", cxrnet::Extras::ignore); });
  CHECK(has(message, "'w.h5' does not fit this network: it lacks block2_conv1 (3, 3, 64, 128) (128), block2_conv2"));
  CHECK(has(message, "block5_conv3 (3, 3, 512, 512) (512); use weights"));
  CHECK_FALSE(has(message, "block1_conv"));
}

TEST_CASE("the golden model.save file loads as the reference's network", "[io][golden]") {
  const auto shared = cxrnet::test::shared_or_skip("the model Keras saved");
  if (!shared) return;
  const cxrnet::NamedTensors read = cxrnet::read_keras_h5(*shared / "golden/e2e/keras_seed_model.h5");
  auto wanted = vgg16();
  CHECK(cxrnet::match(wanted, read, "m.h5", cxrnet::Extras::ignore).size() == 26);
  CHECK(has(message_of<cxrnet::FormatError>([&] { (void)cxrnet::match(wanted, read, "m.h5"); }),
            "the network has no dense (512, 128) (128), dense_1 (128, 2) (2)"));
  wanted.insert(wanted.end(), {{"dense.kernel", {512, 128}}, {"dense.bias", {128}}, {"dense_1.kernel", {128, 2}}, {"dense_1.bias", {2}}});
  CHECK(cxrnet::match(wanted, read, "m.h5").size() == 30);
  CHECK(read.metadata.empty());
}

TEST_CASE("Keras files with broken lists are refused", "[io]") {
  const std::vector<float> ones(4, 1.0F);
  {
    cxrnet::hdf5::Writer file;
    file.group("/model_weights");
    CHECK(has(refusal(file), "it has no list of layers (`layer_names`)"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.texts("/", "layer_names", Texts{"a"});
    CHECK(has(refusal(file), "there is no /a"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.group("/a");
    file.texts("/", "layer_names", Texts{"a"});
    CHECK(has(refusal(file), "the layer a has no list of weights"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.group("/a");
    file.texts("/a", "weight_names", Texts{"a/kernel:0"});
    file.texts("/", "layer_names", Texts{"a"});
    CHECK(has(refusal(file), "there is no /a/a/kernel:0"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.group("/a");
    CHECK(has(refusal(file), "it holds no Keras weights"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.tensor("/layers/dense/vars/1", Dims{4}, ones);
    CHECK(has(refusal(file), "there is no /layers/dense/vars/0"));
  }
  {
    cxrnet::hdf5::Writer file;
    file.tensor("/a/a/kernel", Dims{4}, ones);
    file.texts("/a", "weight_names", Texts{"a/kernel"});
    file.texts("/", "layer_names", Texts{"a"});
    file.text("/", "cxrnet", "[1, 2");
    CHECK(has(refusal(file), "its attribute `cxrnet` is not a JSON object"));
  }
  {
    cxrnet::hdf5::Writer file;
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "/g";
    file.tensor(deep + "/vars/0", Dims{4}, ones);
    CHECK(has(refusal(file), "its groups are nested too deeply"));
  }
}

TEST_CASE("groups that hold themselves end", "[io]") {
  const TempFolder temp;
  const fs::path path = temp.path() / "a.h5";
  {
    const cxrnet::hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const cxrnet::hdf5::Handle group(H5Gcreate2(file.get(), "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    for (const char* name : {"a", "b", "c", "d"}) {
      H5Lcreate_hard(file.get(), "/g", group.get(), name, H5P_DEFAULT, H5P_DEFAULT);
    }
  }
  const std::string message = message_of<cxrnet::FormatError>([&] { (void)cxrnet::read_keras_h5(path); });
  CHECK((has(message, "nested too deeply") || has(message, "too many groups")));
}

TEST_CASE("natural order counts as Keras does", "[io]") {
  using cxrnet::detail::natural_less;
  CHECK(natural_less("dense", "dense_1"));
  CHECK(natural_less("dense_2", "dense_10"));
  CHECK_FALSE(natural_less("dense_10", "dense_2"));
  CHECK(natural_less("a1b2", "a1b10"));
  CHECK_FALSE(natural_less("a", "a"));
  CHECK(natural_less("conv2d_99999999999999999999998", "conv2d_99999999999999999999999"));
  CHECK(natural_less("", "a"));
}
