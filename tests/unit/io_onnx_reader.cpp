#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/model_file.hpp>
#include <cxrnet/io/onnx_reader.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// A model made node by node, as other exporters make them.
struct Model {
  onnx::ModelProto proto;

  Model() { proto.set_ir_version(8); }
  onnx::NodeProto& node(const char* type, std::initializer_list<const char*> inputs, const char* output) {
    auto& added = *proto.mutable_graph()->add_node();
    added.set_op_type(type);
    added.set_name(std::string("the_") + type);
    for (const char* input : inputs) added.add_input(input);
    added.add_output(output);
    return added;
  }
  static onnx::AttributeProto& attribute(onnx::NodeProto& node, const char* name) {
    auto& added = *node.add_attribute();
    added.set_name(name);
    return added;
  }
  static void fill(onnx::TensorProto& tensor, const char* name, std::initializer_list<int> dims) {
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    int count = 1;
    for (const int dim : dims) tensor.add_dims(dim), count *= dim;
    for (int i = 0; i < count; ++i) tensor.add_float_data(static_cast<float>(i));
  }
  onnx::TensorProto& tensor(const char* name, std::initializer_list<int> dims) {
    auto& added = *proto.mutable_graph()->add_initializer();
    fill(added, name, dims);
    return added;
  }
  NamedTensors read() const {
    const TempFolder temp;
    write_atomically(temp.path() / "m.onnx", proto.SerializeAsString());
    return read_onnx(temp.path() / "m.onnx");
  }
  std::string refusal() const {
    return message_of<FormatError>([&] { (void)read(); });
  }
};

std::string names_of(const NamedTensors& model) {
  std::string list;
  for (const NamedTensor& tensor : model.tensors) list += tensor.name + " " + dims_text(tensor.dims) + " ";
  return list;
}

}  // namespace

TEST_CASE("Layers are found in the order in which they run, whatever exporters make of them", "[io_onnx_reader]") {
  Model m;
  m.tensor("model/c1/convolution/ReadVariableOp:0", {4, 3, 2, 2});
  m.tensor("c1_bias", {1, 4, 1, 1});
  m.tensor("bn.weight", {4}), m.tensor("b", {4}), m.tensor("m", {4}), m.tensor("v", {4});
  m.tensor("fc.weight", {5, 16}), m.tensor("fc.bias", {5});
  m.tensor("last", {5, 2}), m.tensor("last_bias", {2});
  m.node("Conv", {"x", "model/c1/convolution/ReadVariableOp:0"}, "c");
  m.node("Add", {"c1_bias", "c"}, "cb");
  m.node("BatchNormalization", {"cb", "bn.weight", "b", "m", "v"}, "n");
  m.node("Flatten", {"n"}, "f");
  auto& gemm = m.node("Gemm", {"f", "fc.weight", "fc.bias"}, "g");
  Model::attribute(gemm, "transB").set_i(1);
  m.node("Relu", {"g"}, "r");
  m.node("Identity", {"last"}, "alias");
  m.node("MatMul", {"r", "alias"}, "l");
  m.node("Add", {"l", "last_bias"}, "out");
  const NamedTensors read = m.read();
  CHECK(names_of(read) ==
        "c1.kernel (2, 2, 3, 4) c1.bias (4) bn.gamma (4) bn.beta (4) bn.moving_mean (4) bn.moving_variance (4) "
        "fc.kernel (16, 5) fc.bias (5) the_MatMul.kernel (5, 2) the_MatMul.bias (2) ");
  CHECK(read.tensors[0].values[1] == 12);  // height 0, width 0, in 0, out 1
  CHECK(read.find("fc.kernel")->values[1] == 16);
  CHECK(read.find("fc.kernel")->map_order == MapOrder::channel_height_width);
}

TEST_CASE("A map that is transposed before it is flattened has Keras's order", "[io_onnx_reader]") {
  Model m;
  m.tensor("w", {16, 5});
  auto& transpose = m.node("Transpose", {"x"}, "t");
  auto& perm = Model::attribute(transpose, "perm");
  for (const int axis : {0, 2, 3, 1}) perm.add_ints(axis);
  m.node("Reshape", {"t", "shape"}, "f");
  m.node("MatMul", {"f", "w"}, "y");
  CHECK(m.read().tensors[0].map_order == MapOrder::height_width_channel);
  perm.set_ints(1, 1);
  CHECK(m.read().tensors[0].map_order == MapOrder::channel_height_width);
}

TEST_CASE("Weights are read from raw bytes, constants and other floats", "[io_onnx_reader]") {
  Model m;
  auto& half = m.tensor("w", {1, 2});
  half.clear_float_data();
  half.set_data_type(onnx::TensorProto::FLOAT16);
  half.set_raw_data(std::string("\x00\x3C\x00\xC0", 4));
  m.node("MatMul", {"x", "w"}, "y");
  auto& constant = m.node("Constant", {}, "k");
  Model::fill(*Model::attribute(constant, "value").mutable_t(), "inner", {2, 1});
  m.node("MatMul", {"y", "k"}, "z");
  const NamedTensors read = m.read();
  REQUIRE(read.tensors.size() == 2);
  CHECK(read.tensors[0].values == std::vector<float>{1, -2});
  CHECK(read.tensors[1].values == std::vector<float>{0, 1});
}

TEST_CASE("Damaged and unusual models are refused by name", "[io_onnx_reader]") {
  const auto with = [](auto change) {
    Model m;
    auto& weights = m.tensor("w", {4, 3, 2, 2});
    auto& node = m.node("Conv", {"x", "w"}, "y");
    change(weights, node);
    return m.refusal();
  };
  CHECK(has(with([](auto& w, auto&) { w.set_data_location(onnx::TensorProto::EXTERNAL); }), "w lies in another file"));
  CHECK(has(with([](auto& w, auto&) { w.set_dims(0, 1'000'000'000); }), "w claims"));
  CHECK(has(with([](auto& w, auto&) { w.set_dims(0, 5000); }), "w has not the values"));
  CHECK(has(with([](auto& w, auto&) { w.set_dims(0, -1); }), "w has no usual shape"));
  CHECK(has(with([](auto& w, auto&) { w.set_dims(0, 3); }), "w has not the values"));
  CHECK(has(with([](auto& w, auto&) { w.set_raw_data("12345"); }), "w has not the values"));
  CHECK(
      has(with([](auto& w, auto&) { w.set_data_type(onnx::TensorProto::INT8); }), "w holds no floating-point numbers"));
  CHECK(has(with([](auto& w, auto&) { w.set_float_data(3, std::numeric_limits<float>::infinity()); }), "not finite"));
  CHECK(has(with([](auto&, auto& n) { Model::attribute(n, "group").set_i(3); }), "dilated or in groups"));
  CHECK(has(with([](auto&, auto& n) { Model::attribute(n, "dilations").add_ints(2); }), "dilated or in groups"));
  CHECK(has(with([](auto&, auto& n) { n.set_input(1, "computed"); }), "the_Conv (Conv) has no stored weights"));
  CHECK(has(with([](auto&, auto& n) { n.set_op_type("Gemm"); }), "the shape (4, 3, 2, 2) where 2 axes are read"));
  CHECK(has(with([](auto&, auto& n) { n.add_input("computed"); }), "computes its bias"));
  CHECK(has(with([](auto&, auto& n) { n.set_op_type("Relu"); }), "it has no convolution"));
  CHECK(has(Model().refusal(), "it has no convolution"));
}

TEST_CASE("A model cut anywhere is refused or read, and never more", "[io_onnx_reader]") {
  const TempFolder temp;
  const auto file = temp.path() / "m.onnx";
  Model m;
  m.tensor("w", {4, 3, 2, 2});
  m.node("Conv", {"x", "w"}, "y");
  const std::string whole = m.proto.SerializeAsString();
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_atomically(file, std::string_view(whole).substr(0, size));
    try {
      (void)read_onnx(file);
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CHECK(refused == static_cast<int>(whole.size()));
  write_atomically(file, whole);
  CHECK(has(message_of<FormatError>([&] { (void)read_weights(file); }), "is an ONNX file: read it with read_onnx"));
  CHECK_THROWS_AS(read_onnx(temp.path() / "none.onnx"), FileError);
}
