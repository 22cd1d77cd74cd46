#include "graph_run.hpp"

#include <dnnl.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>

namespace standin {

namespace {

using Tensor = GraphRun::Tensor;
using Node = GraphRun::Node;
using Type = GraphRun::Type;

std::vector<float> load(const Tensor& t, const void* data) {
  const std::size_t count = t.numbers();
  std::vector<float> values(count);
  if (t.type == Type::f32) {
    std::memcpy(values.data(), data, count * sizeof(float));
  } else if (t.type == Type::f16) {
    const auto* const from = static_cast<const _Float16*>(data);
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(from[i]);
  } else {
    const auto* const from = static_cast<const std::uint16_t*>(data);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(from[i]) << 16U;
      std::memcpy(&values[i], &bits, sizeof bits);
    }
  }
  return values;
}

void store(const Tensor& t, const std::vector<float>& values, void* data) {
  const std::size_t count = t.numbers();
  if (t.type == Type::f32) {
    std::memcpy(data, values.data(), count * sizeof(float));
  } else if (t.type == Type::f16) {
    auto* const to = static_cast<_Float16*>(data);
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<_Float16>(values[i]);
  } else {
    auto* const to = static_cast<std::uint16_t*>(data);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &values[i], sizeof bits);
      const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
      to[i] = static_cast<std::uint16_t>(nan ? 0x7FFFU : (bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U);
    }
  }
}

/// Row-major, c = a * b or c += a * b; `a` and `b` may be given transposed.
void multiply(char a_is, char b_is, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b, float beta, float* c) {
  const dnnl_dim_t lda = a_is == 'N' ? k : m, ldb = b_is == 'N' ? n : k;
  if (dnnl_sgemm(a_is, b_is, m, n, k, 1.0F, a, lda, b, ldb, beta, c, n) != dnnl_success) throw std::runtime_error("a product failed");
}

/// A convolution as products of matrices: the rows of `columns` are what the window sees at output rows [first, last) of an image.
struct Windows {
  const Node& node;
  const Tensor &x, &w, &y;  // the convolution's, whichever is computed
  [[nodiscard]] std::int64_t seen() const { return w.dims[2] * w.dims[3] * w.dims[1]; }
  [[nodiscard]] std::int64_t rows(std::int64_t first, std::int64_t last) const { return (last - first) * y.dims[3]; }
  /// visit(place in columns, place in x) of all channels of what a row's window sees within an image.
  template <class Visit>
  void for_each(std::int64_t image, std::int64_t first, std::int64_t row, Visit visit) const {
    const std::int64_t height = x.dims[2], width = x.dims[3], out = y.dims[3], s = w.dims[3];
    const std::int64_t top = (first + row / out) * node.stride[0] - node.pad[0], left = row % out * node.stride[1] - node.pad[1];
    for (std::int64_t tap = 0; tap < w.dims[2] * s; ++tap) {
      const std::int64_t at_y = top + tap / s, at_x = left + tap % s;
      if (at_y < 0 || at_x < 0 || at_y >= height || at_x >= width) continue;
      visit(row * seen() + tap * x.dims[1], ((image * height + at_y) * width + at_x) * x.dims[1]);
    }
  }
  template <class Act>
  void in_parts(Act act) const {
    constexpr std::int64_t most = 16;  // rows of output together
    for (std::int64_t image = 0; image < y.dims[0]; ++image) {
      for (std::int64_t first = 0; first < y.dims[2]; first += most) act(image, first, std::min(y.dims[2], first + most));
    }
  }
  [[nodiscard]] std::size_t y_at(std::int64_t image, std::int64_t row) const {
    return static_cast<std::size_t>((image * y.dims[2] + row) * y.dims[3] * y.dims[1]);
  }
  [[nodiscard]] std::vector<float> columns(const std::vector<float>& from, std::int64_t image, std::int64_t first, std::int64_t last) const {
    std::vector<float> made(static_cast<std::size_t>(rows(first, last) * seen()));
#pragma omp parallel for
    for (std::int64_t row = 0; row < rows(first, last); ++row) {
      for_each(image, first, row, [&](std::int64_t here, std::int64_t there) {
        std::memcpy(made.data() + here, from.data() + there, static_cast<std::size_t>(x.dims[1]) * sizeof(float));
      });
    }
    return made;
  }
};

void convolution(const Windows& c, const std::vector<float>& x, const std::vector<float>& w, std::vector<float>& y) {
  c.in_parts([&](std::int64_t image, std::int64_t first, std::int64_t last) {
    const auto columns = c.columns(x, image, first, last);
    multiply('N', 'T', c.rows(first, last), c.y.dims[1], c.seen(), columns.data(), w.data(), 0, y.data() + c.y_at(image, first));
  });
}

void data_gradient(const Windows& c, const std::vector<float>& dy, const std::vector<float>& w, std::vector<float>& dx) {
  c.in_parts([&](std::int64_t image, std::int64_t first, std::int64_t last) {
    std::vector<float> columns(static_cast<std::size_t>(c.rows(first, last) * c.seen()));
    multiply('N', 'N', c.rows(first, last), c.seen(), c.y.dims[1], dy.data() + c.y_at(image, first), w.data(), 0, columns.data());
    for (std::int64_t row = 0; row < c.rows(first, last); ++row) {  // windows overlap: one by one
      c.for_each(image, first, row, [&](std::int64_t here, std::int64_t there) {
        for (std::int64_t k = 0; k < c.x.dims[1]; ++k) dx[static_cast<std::size_t>(there + k)] += columns[static_cast<std::size_t>(here + k)];
      });
    }
  });
}

void weight_gradient(const Windows& c, const std::vector<float>& x, const std::vector<float>& dy, std::vector<float>& dw) {
  c.in_parts([&](std::int64_t image, std::int64_t first, std::int64_t last) {
    const auto columns = c.columns(x, image, first, last);
    multiply('T', 'N', c.y.dims[1], c.seen(), c.rows(first, last), dy.data() + c.y_at(image, first), columns.data(), 1, dw.data());
  });
}

}  // namespace

std::shared_ptr<const GraphRun> GraphRun::of(const nlohmann::json& graph, std::size_t workspace_bytes) try {
  const auto made = std::make_shared<GraphRun>();
  made->workspace_bytes_ = workspace_bytes;
  std::map<std::string, std::size_t> named;
  for (const auto& t : graph.at("tensors")) {
    Tensor tensor;
    tensor.name = t.at("name");
    tensor.between = t.at("isVirtual");
    tensor.dims = t.at("dim").get<std::array<std::int64_t, 4>>();
    const std::map<std::string, Type> types{{"CUDNN_DATA_HALF", Type::f16}, {"CUDNN_DATA_BFLOAT16", Type::bf16}, {"CUDNN_DATA_FLOAT", Type::f32}};
    tensor.type = types.at(t.at("dataType"));
    const auto& [n, c, h, w] = tensor.dims;
    if (t.at("stride").get<std::array<std::int64_t, 4>>() != std::array<std::int64_t, 4>{h * w * c, 1, w * c, c}) {
      throw std::runtime_error("a tensor that is not NHWC");
    }
    named[tensor.name] = made->tensors_.size();
    made->tensors_.push_back(std::move(tensor));
  }
  for (const auto& n : graph.at("nodes")) {
    const std::string operation = n.at("operation");
    const auto from = [&](std::initializer_list<const char*> keys) {
      std::vector<std::size_t> list;
      for (const char* key : keys) list.push_back(named.at(n.at(key)));
      return list;
    };
    using enum Node::Kind;
    Node node;
    const char* to = "Y";
    if (operation.find("_CONVOLUTION_") != std::string::npos) {
      if (n.at("dilation") != nlohmann::json{1, 1} || n.at("mode") != "CUDNN_CROSS_CORRELATION" || n.at("alpha") != 1.0 || n.at("beta") != 0.0) {
        throw std::runtime_error("a convolution that none of ours is");
      }
      node.pad = n.at(n.contains("pad") ? "pad" : "pad_lower").get<std::array<std::int64_t, 2>>();
      node.stride = n.at("stride").get<std::array<std::int64_t, 2>>();
    }
    if (operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR") {
      node.kind = convolution;
      node.from = from({"X", "W"});
    } else if (operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR") {
      node.kind = data_gradient;
      node.from = from({"dY", "W"});
      to = "dX";
    } else if (operation == "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR") {
      node.kind = weight_gradient;
      node.from = from({"X", "dY"});
      to = "dW";
    } else if (operation == "CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR" && n.at("reductionOp") == "CUDNN_REDUCE_TENSOR_ADD") {
      node.kind = sum;
      node.from = from({"X"});
    } else if (operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR" && n.at("pointwiseMode") == "CUDNN_POINTWISE_ADD") {
      node.kind = add;
      node.from = from({"X", "B"});
    } else if (operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR" && n.at("pointwiseMode") == "CUDNN_POINTWISE_RELU_FWD") {
      node.kind = relu;
      node.from = from({"X"});
    } else if (operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR" && n.at("pointwiseMode") == "CUDNN_POINTWISE_RELU_BWD") {
      node.kind = relu_gradient;
      node.from = from({"X", "dY"});
      to = "dX";
    } else {
      throw std::runtime_error(operation);
    }
    node.to = named.at(n.at(to));
    made->nodes_.push_back(std::move(node));
  }
  return made;
} catch (const std::exception& error) {
  std::fprintf(stderr, "stand-in GPU: a plan has what is not known here: %s\n", error.what());
  return nullptr;
}

std::optional<Work> GraphRun::on(std::span<const std::int64_t> numbers, std::span<void* const> pointers, void* workspace) const {
  Work work{"a plan of cuDNN", {}, {}};
  std::vector<void*> operands(tensors_.size());
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    if (tensors_[t].between) continue;
    const auto found = std::ranges::find(numbers, std::stoll(tensors_[t].name));
    if (found == numbers.end()) return std::nullopt;
    operands[t] = pointers[static_cast<std::size_t>(found - numbers.begin())];
    if (reinterpret_cast<std::uintptr_t>(operands[t]) % 16 != 0) return std::nullopt;
    const bool written = std::ranges::any_of(nodes_, [&](const Node& node) { return node.to == t; });
    work.operands.push_back({operands[t], tensors_[t].bytes(), written ? Access::write : Access::read});
  }
  if (workspace_bytes_ > 0) {
    if (reinterpret_cast<std::uintptr_t>(workspace) % 16 != 0) return std::nullopt;
    work.operands.push_back({workspace, workspace_bytes_, Access::write});
  }
  work.run = [self = shared_from_this(), operands = std::move(operands), workspace] {
    if (self->workspace_bytes_ > 0) std::memset(workspace, 0xFF, std::min<std::size_t>(self->workspace_bytes_, std::size_t{64} << 20U));
    self->run(operands);
  };
  return work;
}

void GraphRun::run(const std::vector<void*>& pointers) const {
  std::vector<std::vector<float>> values(tensors_.size());
  const auto value = [&](std::size_t t) -> const std::vector<float>& {
    if (values[t].empty()) values[t] = load(tensors_[t], pointers[t]);
    return values[t];
  };
  for (const Node& node : nodes_) {
    const Tensor& to = tensors_[node.to];
    const std::vector<float>& a = value(node.from[0]);
    const std::vector<float>& b = node.from.size() > 1 ? value(node.from[1]) : a;
    std::vector<float> result(to.numbers());
    const auto channels = static_cast<std::size_t>(tensors_[node.from.back()].dims[1]);
    const auto each = [&](const auto& number) {
#pragma omp parallel for
      for (std::size_t i = 0; i < result.size(); ++i) result[i] = number(i);
    };
    switch (node.kind) {
      using enum Node::Kind;
      case convolution: standin::convolution({node, tensors_[node.from[0]], tensors_[node.from[1]], to}, a, b, result); break;
      case data_gradient: standin::data_gradient({node, to, tensors_[node.from[1]], tensors_[node.from[0]]}, a, b, result); break;
      case weight_gradient: standin::weight_gradient({node, tensors_[node.from[0]], to, tensors_[node.from[1]]}, a, b, result); break;
      case sum:
        for (std::size_t i = 0; i < a.size(); ++i) result[i % channels] += a[i];
        break;
      case add: each([&](std::size_t i) { return a[i] + b[i % channels]; }); break;
      case relu: each([&](std::size_t i) { return a[i] > 0 ? a[i] : 0; }); break;
      case relu_gradient: each([&](std::size_t i) { return a[i] > 0 ? b[i] : 0; }); break;
    }
    if (!to.between) store(to, result, pointers[node.to]);
    values[node.to] = std::move(result);
  }
}

}  // namespace standin
