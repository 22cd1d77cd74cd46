#pragma once
#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <cxrnet/core/description.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/layouts.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/onnx_proto.hpp>
#include <cxrnet/op/operation.hpp>
#include <cxrnet/op/rules.hpp>

namespace cxrnet {

/// What an ONNX model takes: public images (RGB, 0 to 255), its preprocessing being part of it; or prepared ones. Both
/// as N x height x width x channels, N as the caller likes.
enum class OnnxInput { images, prepared };

namespace detail {

/// Writes a network's operations as ONNX's. Feature maps are channels first within, as ONNX has no other.
class OnnxGraph {
 public:
  static constexpr int ir_version = 7, opset = 13;  // ONNX 1.8 of 2020; what later runtimes read too

  OnnxGraph(const Description& network, const NamedTensors& tensors, OnnxInput input)
      : network_(network), tensors_(tensors), graph_(*model_.mutable_graph()) {
    model_.set_ir_version(ir_version);
    model_.set_producer_name("cxrnet");
    model_.set_producer_version(std::string(version));
    model_.add_opset_import()->set_version(opset);
    for (const auto& [key, value] : tensors.metadata) {
      auto& entry = *model_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
    graph_.set_name("cxrnet");
    declare(*graph_.add_input(), "image", network.input);
    std::string value = node("Transpose", "image/channels_first", {"image"});
    ints("perm", {0, 3, 1, 2});
    values_[0] = input == OnnxInput::images ? preprocessed(value) : value;
    lower();
    value = values_.at(network.operations.back().output);
    const bool probabilities =
        network.operations.back().activation != op::Activation::none && network.output.is_vector();
    const std::string output = probabilities ? "probabilities" : "output";
    if (network.output.is_image()) {
      node("Transpose", output, {value});
      ints("perm", {0, 2, 3, 1});
    } else {
      node("Identity", output, {value});
    }
    declare(*graph_.add_output(), output, network.output);
  }

  [[nodiscard]] const onnx::ModelProto& model() const { return model_; }

 private:
  static void declare(onnx::ValueInfoProto& info, const std::string& name, Dims dims) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    if (dims.is_image()) {
      type.mutable_shape()->add_dim()->set_dim_value(dims.height);
      type.mutable_shape()->add_dim()->set_dim_value(dims.width);
    }
    type.mutable_shape()->add_dim()->set_dim_value(dims.channels);
  }

  /// A node of one output, which has the node's name.
  std::string node(const char* type, const std::string& name, const std::vector<std::string>& inputs) {
    last_ = graph_.add_node();
    last_->set_op_type(type);
    last_->set_name(name);
    for (const std::string& input : inputs) last_->add_input(input);
    last_->add_output(name);
    return name;
  }
  /// An attribute of the node that was made last.
  void ints(const char* name, std::initializer_list<int> values) {
    auto& attribute = *last_->add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const int value : values) attribute.add_ints(value);
  }

  template <class T>
  std::string constant(const std::string& name, onnx::TensorProto::DataType type, std::span<const std::size_t> dims,
                       std::span<const T> values) {
    auto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::size_t dim : dims) tensor.add_dims(static_cast<std::int64_t>(dim));
    tensor.set_raw_data(values.data(), values.size_bytes());
    return name;
  }
  std::string constant(const NamedTensor& tensor) {
    return constant(tensor.name, onnx::TensorProto::FLOAT, tensor.dims, std::span(tensor.values));
  }
  /// The network's parameter of that number.
  [[nodiscard]] const NamedTensor& parameter(int index) const {
    return tensors_.tensors[static_cast<std::size_t>(index)];
  }

  std::string preprocessed(std::string value) {
    const auto maps = network_.channel_maps;
    std::vector<std::int64_t> sources;
    NamedTensor scale{"image/scale", {1, maps.size(), 1, 1}, {}}, shift{"image/shift", {1, maps.size(), 1, 1}, {}};
    bool reorders = false, scales = false, shifts = false;
    for (std::size_t c = 0; c < maps.size(); ++c) {
      sources.push_back(maps[c].source);
      scale.values.push_back(maps[c].scale);
      shift.values.push_back(maps[c].shift);
      reorders = reorders || maps[c].source != static_cast<int>(c);
      scales = scales || maps[c].scale != 1.0F;
      shifts = shifts || maps[c].shift != 0.0F;
    }
    if (reorders) {
      const std::vector<std::size_t> dims{sources.size()};
      const std::span<const std::int64_t> list(sources);
      value =
          node("Gather", "image/reordered", {value, constant("image/sources", onnx::TensorProto::INT64, dims, list)});
      auto& axis = *last_->add_attribute();
      axis.set_name("axis");
      axis.set_type(onnx::AttributeProto::INT);
      axis.set_i(1);
    }
    if (scales) value = node("Mul", "image/scaled", {value, constant(scale)});
    if (shifts) value = node("Add", "image/shifted", {value, constant(shift)});
    return value;
  }

  void lower() {
    for (std::size_t i = 0; i < network_.operations.size(); ++i) {
      op::Operation o = network_.operations[i];
      if (i + 1 < network_.operations.size()) {
        const op::Operation& next = network_.operations[i + 1];
        if (next.inputs[0] == o.output && FuseBias::fuse(o, next, Mode::inference)) {
          o.output = next.output;
          ++i;
        }
      }
      values_[o.output] = lower(o);
    }
  }

  std::string lower(const op::Operation& o) {
    const std::string layer(network_.layers[static_cast<std::size_t>(o.layer)].name.view());
    const std::string x = values_.at(o.inputs[0]);
    const auto with_bias = [&](std::vector<std::string> inputs) {
      if (o.bias >= 0) inputs.push_back(constant(parameter(o.bias)));
      return inputs;
    };
    const auto window = [&] {
      const op::Window& w = o.window;
      ints("kernel_shape", {w.height, w.width});
      ints("strides", {w.stride, w.stride});
      ints("pads", {w.pad_top, w.pad_left, w.pad_bottom, w.pad_right});
    };
    switch (o.kind) {
      case op::Kind::convolution: {
        const auto name = node("Conv", layer + "/Conv", with_bias({x, constant(hwio_to_oihw(parameter(o.kernel)))}));
        window();
        return name;
      }
      case op::Kind::max_pool: {
        const auto name = node("MaxPool", layer + "/MaxPool", {x});
        window();
        return name;
      }
      case op::Kind::dense: return node("Gemm", layer + "/Gemm", with_bias({x, constant(parameter(o.kernel))}));
      case op::Kind::bias: break;  // always behind a sum, which has taken it
      case op::Kind::activation:
        switch (o.activation) {
          case op::Activation::none: return x;
          case op::Activation::relu: return node("Relu", layer + "/Relu", {x});
          case op::Activation::softmax: return node("Softmax", layer + "/Softmax", {x});
          case op::Activation::sigmoid: return node("Sigmoid", layer + "/Sigmoid", {x});
        }
        break;
      case op::Kind::global_average_pool:
        return node("Flatten", layer + "/Flatten", {node("GlobalAveragePool", layer + "/GlobalAveragePool", {x})});
      case op::Kind::flatten: {
        if (o.in.is_vector()) return x;
        const auto name = node("Transpose", layer + "/Transpose", {x});  // Keras's order: height, width, channel
        ints("perm", {0, 2, 3, 1});
        return node("Flatten", layer + "/Flatten", {name});
      }
      case op::Kind::dropout: return x;
      case op::Kind::add: return node("Add", layer + "/Add", {x, values_.at(o.inputs[1])});
      case op::Kind::batch_norm: {
        std::vector<std::string> inputs{x};
        for (int k = 0; k < 4; ++k) inputs.push_back(constant(parameter(o.first_parameter + k)));
        const auto name = node("BatchNormalization", layer + "/BatchNormalization", inputs);
        auto& epsilon = *last_->add_attribute();
        epsilon.set_name("epsilon");
        epsilon.set_type(onnx::AttributeProto::FLOAT);
        epsilon.set_f(static_cast<float>(o.epsilon));
        return name;
      }
      case op::Kind::custom: break;
    }
    throw FormatError("The layer " + layer + " is one of yours, which ONNX does not know: save safetensors instead.");
  }

  const Description& network_;
  const NamedTensors& tensors_;
  onnx::ModelProto model_;
  onnx::GraphProto& graph_;
  onnx::NodeProto* last_ = nullptr;
  std::map<int, std::string> values_;  // what ONNX calls each of the network's values
};

}  // namespace detail

/// Writes the network as ONNX (operator set 13), whole or not at all: input "image" (see OnnxInput), output
/// "probabilities", or "output" where the network ends in neither softmax nor sigmoid. Dropout is left out, batch
/// normalisation uses the moving averages. Preprocessing and metadata are recorded in `metadata_props`. FormatError
/// where a layer is the user's own or the file would have more than 2 GB; FileError where it cannot be written.
inline void write_onnx(const std::filesystem::path& path, const Description& network, std::span<const float> parameters,
                       std::map<std::string, std::string> metadata = {}, OnnxInput input = OnnxInput::images) {
  metadata["preprocess"] = network.preprocess;
  const NamedTensors tensors = name_parameters(network, parameters, std::move(metadata));
  const detail::OnnxGraph graph(network, tensors, input);
  if (graph.model().ByteSizeLong() > std::size_t{0x7FFFFFFF}) {
    throw FormatError("'" + path.string() +
                      "' would be larger than 2 GB, which ONNX files cannot be: save safetensors instead.");
  }
  AtomicFile atomic(path);
  detail::Descriptor file(::open(atomic.temporary().c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!file.is_open() || !graph.model().SerializeToFileDescriptor(file.get()) || file.close() != 0) {
    detail::throw_write_error(path, errno);
  }
  atomic.commit();
}

}  // namespace cxrnet
