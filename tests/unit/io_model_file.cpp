#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/keras_archive.hpp>
#include <cxrnet/io/keras_h5_writer.hpp>
#include <cxrnet/io/model_file.hpp>
#include <cxrnet/io/safetensors.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using cxrnet::test::has;
using cxrnet::test::message_of;

TEST_CASE("weights are read by what the file holds, not by its name", "[io]") {
  const cxrnet::test::TempFolder temp;
  cxrnet::NamedTensors model{{{"dense.kernel", {1, 2}, {1, 2}}, {"dense.bias", {2}, {3, 4}}}, {{"preprocess", "rescale"}}};
  cxrnet::KerasModel keras;
  keras.layers.resize(2);
  keras.layers[0].class_name = "InputLayer", keras.layers[0].name = "input", keras.layers[0].input_shape = {1};
  keras.layers[1].class_name = "Dense", keras.layers[1].name = "dense", keras.layers[1].units = 2;
  cxrnet::write_safetensors(temp.path() / "a.h5", model);
  cxrnet::write_keras_h5(temp.path() / "b.safetensors", keras, model);
  cxrnet::write_keras(temp.path() / "c.bin", keras, model);
  for (const char* name : {"a.h5", "b.safetensors", "c.bin"}) {
    const cxrnet::NamedTensors back = cxrnet::read_weights(temp.path() / name);
    REQUIRE(back.tensors.size() == 2);
    CHECK(back.tensors[1].name == "dense.bias");
    CHECK(back.tensors[1].values == model.tensors[1].values);
    CHECK(back.metadata == model.metadata);
  }
  model.tensors[0].values[1] = std::numeric_limits<float>::quiet_NaN();
  cxrnet::write_safetensors(temp.path() / "a", model);
  cxrnet::write_keras_h5(temp.path() / "b", keras, model);
  cxrnet::write_keras(temp.path() / "c", keras, model);
  for (const char* name : {"a", "b", "c"}) {
    CHECK(has(message_of<cxrnet::FormatError>([&] { (void)cxrnet::read_weights(temp.path() / name); }),
              "not finite (NaN or infinity) in tensor dense.kernel"));
  }
}

TEST_CASE("other files are refused with a hint", "[io]") {
  const cxrnet::test::TempFolder temp;
  const auto read = [&](std::string_view bytes) {
    cxrnet::write_atomically(temp.path() / "f", bytes);
    return message_of<cxrnet::FormatError>([&] { (void)cxrnet::read_weights(temp.path() / "f"); });
  };
  const std::string file = "'" + (temp.path() / "f").string() + "' ";
  CHECK(read("") == file + "is empty; fetch or save it again");
  CHECK(read("hello, this is text") == file + "is no safetensors, .keras or HDF5 file; give one of these");
  CHECK(has(read("PK\3\4 and so on"), file + "is not a sound model file: it is no whole zip archive"));
  CHECK(has(read("\x89HDF\r\n\x1A\n"), "HDF5 cannot open it"));
  CHECK(has(read("x"), "is no safetensors"));
  CHECK_THROWS_AS(cxrnet::read_weights(temp.path()), cxrnet::FileError);
  CHECK_THROWS_AS(cxrnet::read_weights(temp.path() / "none"), cxrnet::FileError);
}
