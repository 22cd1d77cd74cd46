#pragma once
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/layouts.hpp>
#include <cxrnet/io/named_tensors.hpp>
#include <cxrnet/io/onnx_proto.hpp>
#include <cxrnet/io/number_formats.hpp>

namespace cxrnet {

namespace detail {

/// Reads the weights of an ONNX model, trusting nothing in it.
class OnnxReader {
 public:
  explicit OnnxReader(const std::filesystem::path& path) : path_(path.string()) {
    Bytes bytes(path);
    google::protobuf::io::CopyingInputStreamAdaptor stream(&bytes);
    if (!model_.ParseFromZeroCopyStream(&stream)) fail("it is cut short or no ONNX model");
    for (const auto& tensor : graph().initializer()) tensors_[tensor.name()] = &tensor;
    for (const auto& node : graph().node()) {
      for (const auto& output : node.output()) makers_[output] = &node;
      for (const auto& input : node.input()) readers_[input].push_back(&node);
      if (node.op_type() == "Constant" && node.output_size() == 1) {
        for (const auto& attribute : node.attribute()) {
          if (attribute.name() == "value" && attribute.has_t()) tensors_[node.output(0)] = &attribute.t();
        }
      }
      const auto same =
          node.op_type() == "Identity" && node.input_size() == 1 ? tensors_.find(node.input(0)) : tensors_.end();
      if (same != tensors_.end() && node.output_size() == 1) tensors_[node.output(0)] = same->second;
    }
  }

  [[nodiscard]] NamedTensors read() {
    for (const auto& node : graph().node()) {  // ONNX demands that each comes after what it reads
      const std::string& type = node.op_type();
      if (type == "Conv") read_convolution(node);
      if (type == "Gemm" || type == "MatMul") read_dense(node);
      if (type == "BatchNormalization") read_normalisation(node);
    }
    if (result_.tensors.empty()) fail("it has no convolution, dense layer or batch normalisation with weights in it");
    for (const auto& entry : model_.metadata_props()) result_.metadata[entry.key()] = entry.value();
    return std::move(result_);
  }

 private:
  /// A file as protobuf reads one.
  class Bytes : public google::protobuf::io::CopyingInputStream {
   public:
    explicit Bytes(const std::filesystem::path& path) : file_(path) {}
    int Read(void* buffer, int size) override {
      const auto count = std::min<std::uint64_t>(static_cast<std::uint64_t>(size), file_.size() - at_);
      file_.read(at_, std::span(static_cast<std::byte*>(buffer), count));
      at_ += count;
      return static_cast<int>(count);
    }

   private:
    InputFile file_;
    std::uint64_t at_ = 0;
  };

  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError("'" + path_ + "' cannot be used as a weight file: " + why + "; export the model again");
  }
  [[nodiscard]] const onnx::GraphProto& graph() const { return model_.graph(); }

  [[nodiscard]] static const onnx::AttributeProto* attribute(const onnx::NodeProto& node, std::string_view name) {
    const auto at =
        std::find_if(node.attribute().begin(), node.attribute().end(), [&](const auto& a) { return a.name() == name; });
    return at == node.attribute().end() ? nullptr : &*at;
  }
  [[nodiscard]] static std::int64_t integer(const onnx::NodeProto& node, std::string_view name,
                                            std::int64_t otherwise) {
    const auto* found = attribute(node, name);
    return found != nullptr ? found->i() : otherwise;
  }

  /// The stored tensor that is the node's k-th input, null where it is none.
  [[nodiscard]] const onnx::TensorProto* stored(const onnx::NodeProto& node, int k) const {
    const auto at = k < node.input_size() ? tensors_.find(node.input(k)) : tensors_.end();
    return at == tensors_.end() ? nullptr : at->second;
  }
  [[nodiscard]] NamedTensor weight(const onnx::NodeProto& node, int k, std::size_t rank) const {
    const onnx::TensorProto* tensor = stored(node, k);
    if (tensor == nullptr) fail("the node " + shown(node.name()) + " (" + node.op_type() + ") has no stored weights");
    NamedTensor result = values_of(*tensor);
    if (result.dims.size() != rank) {
      fail("the weights " + shown(tensor->name()) + " have the shape " + dims_text(result.dims) + " where " +
           std::to_string(rank) + " axes are read");
    }
    return result;
  }

  template <class Stored, class List, class Convert>
  [[nodiscard]] std::vector<float> converted(const onnx::TensorProto& tensor, std::size_t count, const List& list,
                                             Convert convert) const {
    std::vector<Stored> stored(count);
    const bool raw = tensor.has_raw_data();
    if (raw ? tensor.raw_data().size() / sizeof(Stored) != count || tensor.raw_data().size() % sizeof(Stored) != 0
            : static_cast<std::size_t>(list.size()) != count) {
      fail("the tensor " + shown(tensor.name()) + " has not the values that its shape needs");
    }
    if (raw && count > 0) std::memcpy(stored.data(), tensor.raw_data().data(), count * sizeof(Stored));
    if (!raw) std::transform(list.begin(), list.end(), stored.begin(), [](auto x) { return static_cast<Stored>(x); });
    std::vector<float> values(count);
    std::transform(stored.begin(), stored.end(), values.begin(), convert);
    return values;
  }

  [[nodiscard]] NamedTensor values_of(const onnx::TensorProto& tensor) const {
    const auto bad = [&](const std::string& why) { fail("the tensor " + shown(tensor.name()) + " " + why); };
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
      bad("lies in another file, which is refused: save the model as one");
    }
    NamedTensor result{tensor.name(), {}, {}};
    for (const std::int64_t dim : tensor.dims()) {
      if (dim < 0 || tensor.dims_size() > 8) bad("has no usual shape");
      result.dims.push_back(static_cast<std::size_t>(dim));
    }
    const auto count = element_count(result.dims);
    if (!count || *count > std::size_t{1} << 30U) {
      bad("claims " + dims_text(result.dims) + ", more than an ONNX file holds");
    }
    // Checked before memory is taken: raw bytes or a list must be there for each element, two bytes at least.
    const std::size_t listed =
        static_cast<std::size_t>(tensor.float_data_size() + tensor.double_data_size() + tensor.int32_data_size());
    if (*count > std::max(tensor.raw_data().size() / 2, listed)) bad("has not the values that its shape needs");
    switch (tensor.data_type()) {
      case onnx::TensorProto::FLOAT:
        result.values = converted<float>(tensor, *count, tensor.float_data(), [](float x) { return x; });
        break;
      case onnx::TensorProto::DOUBLE:
        result.values = converted<double>(tensor, *count, tensor.double_data(), double_to_float);
        break;
      case onnx::TensorProto::FLOAT16:
        result.values = converted<std::uint16_t>(tensor, *count, tensor.int32_data(), half_to_float);
        break;
      default: bad("holds no floating-point numbers of 16, 32 or 64 bits");
    }
    return result;
  }

  /// A layer's name out of its weights': "features.0" of "features.0.weight", "block1_conv1" of TensorFlow's
  /// "model/block1_conv1/convolution/ReadVariableOp:0"; otherwise the node's.
  [[nodiscard]] std::string layer_name(const onnx::NodeProto& node, const std::string& tensor) {
    std::string_view name = tensor;
    std::string found(node.name().empty() ? tensor : node.name());
    if (const auto end = name.find("/ReadVariableOp"); end != name.npos) {
      name = name.substr(0, std::min(name.rfind('/', end - 1), end));
      found = name.substr(name.rfind('/') + 1);  // npos + 1 is 0
    } else if (name.ends_with(".weight") || name.ends_with(".kernel") || name.ends_with(".gamma")) {
      found = name.substr(0, name.rfind('.'));
    }
    if (!names_.insert(found).second) names_.insert(found += "#" + std::to_string(names_.size()));
    return found;
  }

  void add(const std::string& layer, const char* variable, NamedTensor tensor) {
    tensor.name = layer + "." + variable;
    result_.tensors.push_back(std::move(tensor));
  }

  /// The bias of a sum of so many outputs: an input of its own, or what the next node adds.
  void add_bias(const std::string& layer, const onnx::NodeProto& node, std::size_t outputs) {
    const onnx::TensorProto* bias = stored(node, 2);
    const auto next = node.output_size() == 1 ? readers_.find(node.output(0)) : readers_.end();
    if (node.input_size() < 3 && next != readers_.end() && next->second.size() == 1 &&
        next->second[0]->op_type() == "Add") {
      const onnx::NodeProto& sum = *next->second[0];
      bias = stored(sum, sum.input_size() > 0 && sum.input(0) == node.output(0) ? 1 : 0);
    } else if (node.input_size() > 2 && bias == nullptr && !node.input(2).empty()) {
      fail("the node " + shown(node.name()) + " (" + node.op_type() + ") computes its bias");
    }
    if (bias == nullptr) return;
    NamedTensor tensor = values_of(*bias);
    const bool map = node.op_type() == "Conv" && node.input_size() < 3;  // whose channels are not its last axis
    const bool by_channel =
        !map || (tensor.dims.size() > 2 && tensor.dims.rbegin()[0] == 1 && tensor.dims.rbegin()[1] == 1);
    if (tensor.values.size() != outputs || !by_channel) return;  // no bias, but something else that is added
    tensor.dims = {outputs};
    add(layer, "bias", std::move(tensor));
  }

  void read_convolution(const onnx::NodeProto& node) {
    const NamedTensor kernel = weight(node, 1, 4);
    const auto* dilations = attribute(node, "dilations");
    const bool dilated = dilations != nullptr &&
                         std::any_of(dilations->ints().begin(), dilations->ints().end(), [](auto d) { return d != 1; });
    if (dilated || integer(node, "group", 1) != 1) {
      fail("the convolution " + shown(node.name()) + " is dilated or in groups");
    }
    const std::string layer = layer_name(node, kernel.name);
    add(layer, "kernel", oihw_to_hwio(kernel));
    add_bias(layer, node, kernel.dims[0]);
  }

  void read_dense(const onnx::NodeProto& node) {
    if (node.op_type() == "MatMul" && stored(node, 1) == nullptr) return;  // of two computed matrices: no layer
    const auto factor = [&](const char* name) {
      const auto* found = attribute(node, name);
      return found != nullptr ? found->f() : 1.0F;
    };
    if (integer(node, "transA", 0) != 0 || factor("alpha") != 1.0F || factor("beta") != 1.0F) {
      fail("the dense layer " + shown(node.name()) + " scales or transposes its input");
    }
    NamedTensor kernel = weight(node, 1, 2);
    const std::string layer = layer_name(node, kernel.name);
    if (integer(node, "transB", 0) != 0) kernel = transposed(kernel);
    kernel.map_order = order_of(node.input(0));
    const std::size_t outputs = kernel.dims[1];
    add(layer, "kernel", std::move(kernel));
    add_bias(layer, node, outputs);
  }

  void read_normalisation(const onnx::NodeProto& node) {
    constexpr const char* variables[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    std::string layer;
    for (int k = 0; k < 4; ++k) {
      NamedTensor tensor = weight(node, k + 1, 1);
      if (k == 0) layer = layer_name(node, tensor.name);
      tensor.map_order = order_of(node.input(0));
      add(layer, variables[k], std::move(tensor));
    }
  }

  /// The order of a vector that may be a flattened map: ONNX's own, unless the map was transposed before.
  [[nodiscard]] MapOrder order_of(std::string value) const {
    static const std::set<std::string_view> passing{"Reshape", "Flatten", "Squeeze", "Relu",    "Sigmoid",
                                                    "Clip",    "Dropout", "Identity", "Cast", "BatchNormalization"};
    for (int steps = 0; steps < 64; ++steps) {
      const auto maker = makers_.find(value);
      if (maker == makers_.end() || maker->second->input_size() == 0) break;
      const onnx::NodeProto& node = *maker->second;
      if (node.op_type() == "Transpose") {
        const auto* perm = attribute(node, "perm");
        const std::vector<std::int64_t> to_last{0, 2, 3, 1};
        const bool last =
            perm != nullptr && std::equal(perm->ints().begin(), perm->ints().end(), to_last.begin(), to_last.end());
        return last ? MapOrder::height_width_channel : MapOrder::channel_height_width;
      }
      if (!passing.contains(node.op_type())) break;
      value = node.input(0);
    }
    return MapOrder::channel_height_width;
  }

  std::string path_;
  onnx::ModelProto model_;
  std::map<std::string, const onnx::TensorProto*> tensors_;
  std::map<std::string, const onnx::NodeProto*> makers_;
  std::map<std::string, std::vector<const onnx::NodeProto*>> readers_;
  std::set<std::string> names_;
  NamedTensors result_;
};

}  // namespace detail

/// Reads the weights of an ONNX model's convolutions, dense layers and batch normalisations in the order in which it
/// runs them, in Keras's layouts, every value finite; metadata are its `metadata_props`. Throws FormatError where it is
/// damaged, keeps weights in other files, or has such a layer of a kind that no network here has; FileError where it
/// cannot be read. Takes memory for what protobuf makes of the file, a multiple of its size where the file is crafted.
[[nodiscard]] inline NamedTensors read_onnx(const std::filesystem::path& path) {
  NamedTensors model = detail::OnnxReader(path).read();
  require_finite(model, path.string());
  return model;
}

}  // namespace cxrnet
