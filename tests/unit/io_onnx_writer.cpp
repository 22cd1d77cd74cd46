#include <cxrnet/core/initialise.hpp>
#include <cxrnet/io/onnx_reader.hpp>
#include <cxrnet/io/onnx_writer.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>

#include <fstream>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// Every operation once. That ONNX Runtime computes the same is tested in tests/python.
using Net = Seq<Input<8, 7, 3, ImageNetCaffe>, Conv2D<4, 3, Same, Stride<2>, Relu>, MaxPool<2>,
                Residual<BatchNorm<>, Sigmoid>, Dropout<0.5>, Flatten, Dense<6, NoBias>, Dense<2, Softmax>>;

onnx::ModelProto parsed(const std::filesystem::path& file) {
  onnx::ModelProto model;
  std::ifstream in(file, std::ios::binary);
  REQUIRE(model.ParseFromIstream(&in));
  return model;
}

std::string operators(const onnx::ModelProto& model) {
  std::string list;
  for (const auto& node : model.graph().node()) list += node.op_type() + " ";
  return list;
}

}  // namespace

TEST_CASE("A network is written as ONNX's operators, and read back to the bit", "[io_onnx_writer]") {
  const TempFolder temp;
  const auto file = temp.path() / "model.onnx";
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 3);
  write_onnx(file, description_of<Net>, parameters, {{"classes", R"(["a","b"])"}});
  const onnx::ModelProto model = parsed(file);
  CHECK(operators(model) ==
        "Transpose Gather Add Conv Relu MaxPool BatchNormalization Sigmoid Add Transpose Flatten Gemm Gemm Softmax "
        "Identity ");
  CHECK(model.ir_version() == 7);
  CHECK(model.opset_import(0).version() == 13);
  CHECK(model.graph().input(0).type().tensor_type().shape().dim(0).dim_param() == "N");
  CHECK(model.graph().input(0).type().tensor_type().shape().dim(2).dim_value() == 7);
  CHECK(model.graph().output(0).name() == "probabilities");

  const NamedTensors read = read_onnx(file);
  CHECK(read.metadata.at("preprocess") == "imagenet");
  CHECK(read.metadata.at("classes") == R"(["a","b"])");
  std::vector<float> back(parameters.size());
  const auto names = take_parameters(description_of<Net>, read, "model.onnx", Which::all, back);
  CHECK(back == parameters);
  CHECK(names.front() == "conv2d.kernel");
}

TEST_CASE("Preprocessing can be left out, and costs nothing where there is none", "[io_onnx_writer]") {
  const TempFolder temp;
  const auto file = temp.path() / "model.onnx";
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 3);
  write_onnx(file, description_of<Net>, parameters, {}, OnnxInput::prepared);
  CHECK(operators(parsed(file)).starts_with("Transpose Conv "));
  using Plain = Seq<Input<4, 4, 1>, GAP, Dense<2>>;
  write_onnx(file, description_of<Plain>, random_values<float>(4, 1));
  CHECK(operators(parsed(file)) == "Transpose GlobalAveragePool Flatten Gemm Identity ");
  CHECK(parsed(file).graph().output(0).name() == "output");
  using Map = Seq<Input<4, 4, 3, Rescale<>>, Conv2D<2, 3>>;
  write_onnx(file, description_of<Map>, random_values<float>(Traits<Map>::parameter_count, 1));
  CHECK(operators(parsed(file)) == "Transpose Mul Conv Transpose ");
  CHECK(parsed(file).graph().output(0).type().tensor_type().shape().dim_size() == 4);
}

TEST_CASE("A layer of the user's own, or a bad place, leaves no file", "[io_onnx_writer]") {
  const TempFolder temp;
  using Own = Seq<Input<4, 4, 2>, Scale, Flatten, Dense<2>>;
  CHECK(has(message_of<FormatError>([&] {
              write_onnx(temp.path() / "a.onnx", description_of<Own>,
                         random_values<float>(Traits<Own>::parameter_count, 1));
            }),
            "The layer scale is one of yours, which ONNX does not know"));
  CHECK_THROWS_AS(write_onnx(temp.path(), description_of<Net>, random_values<float>(Traits<Net>::parameter_count, 3)),
                  FileError);
  CHECK(std::filesystem::is_empty(temp.path()));
}
