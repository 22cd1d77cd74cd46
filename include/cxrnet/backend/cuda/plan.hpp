#pragma once
#include <cxrnet/backend/cuda/cudnn.hpp>
#include <cxrnet/backend/cuda/graph.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Graphs as cuDNN's operation graphs, and its plans.
namespace cxrnet::cuda {

namespace detail {

inline cudnnDataType_t data_type(Number number) {
  if (number == Number::half) return CUDNN_DATA_HALF;
  return number == Number::bfloat16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

enum class Kept { in_memory, virtual_ };

/// A 4-D tensor, NHWC in memory (a kernel: KRSC), its dims in cuDNN's order: n, c, h, w. A virtual one exists within its
/// graph alone.
inline Descriptor tensor(std::int64_t uid, cudnnDataType_t type, std::array<std::int64_t, 4> nchw, Kept kept = Kept::in_memory) {
  const auto& [n, c, h, w] = nchw;
  const std::array<std::int64_t, 4> strides{h * w * c, 1, w * c, c};
  Descriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(nchw))
      .set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::span<const std::int64_t>(strides))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{16})
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, kept == Kept::virtual_);
  t.finalize("describing a tensor");
  return t;
}

inline Descriptor convolution_of(const op::Window& w) {
  const std::array<std::int64_t, 2> strides{w.stride, w.stride}, dilations{1, 1};
  const std::array<std::int64_t, 2> before{w.pad_top, w.pad_left}, behind{w.pad_bottom, w.pad_right};
  Descriptor c(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, std::span<const std::int64_t>(strides))
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(dilations))
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(before))
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(behind));
  c.finalize("describing a convolution");
  return c;
}

inline Descriptor pointwise(cudnnPointwiseMode_t mode) {
  Descriptor p(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  p.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode).set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  p.finalize("describing a pointwise operation");
  return p;
}

/// A graph's descriptors; those of operations are among them.
struct Described {
  std::vector<Descriptor> parts;
  Descriptor graph;
};

/// A graph in cuDNN's terms. Operand k of Graph has the unique number k + 1.
inline Described describe_to_cudnn(const Graph& g) {
  const cudnnDataType_t type = data_type(g.number);
  const std::int64_t n = g.batch, result = static_cast<std::int64_t>(g.operand_numbers().size());
  const std::array<std::int64_t, 4> in{n, g.in.channels, g.in.height, g.in.width}, out{n, g.out.channels, g.out.height, g.out.width};
  const std::array<std::int64_t, 4> kernel{g.out.channels, g.in.channels, g.window.height, g.window.width};
  const std::array<std::int64_t, 4> channels{1, g.out.channels, 1, 1};
  Described d;
  std::vector<cudnnBackendDescriptor_t> operations;
  const auto keep = [&](Descriptor part) -> const Descriptor& { return d.parts.emplace_back(std::move(part)); };
  d.parts.reserve(16);
  std::int64_t virtual_uid = 100;
  const auto between = [&](const std::array<std::int64_t, 4>& dims) -> const Descriptor& {
    return keep(tensor(virtual_uid++, CUDNN_DATA_FLOAT, dims, Kept::virtual_));
  };
  const auto operation = [&](Descriptor made) {
    made.finalize("describing an operation");
    operations.push_back(keep(std::move(made)).raw());
  };
  switch (g.pattern) {
    case Pattern::convolution: {
      const Descriptor& x = keep(tensor(1, type, in));
      const Descriptor& w = keep(tensor(2, type, kernel));
      const Descriptor& y = keep(tensor(result, type, out));
      const Descriptor& sum = g.bias || g.relu ? between(out) : y;
      Descriptor convolution(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
      convolution.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, keep(convolution_of(g.window)))
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, sum)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0F)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0F);
      operation(std::move(convolution));
      const Descriptor* last = &sum;
      if (g.bias) {
        const Descriptor& bias = keep(tensor(3, type, channels));
        const Descriptor& biased = g.relu ? between(out) : y;
        Descriptor add(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        add.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(pointwise(CUDNN_POINTWISE_ADD)))
            .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *last)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, bias)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, biased);
        operation(std::move(add));
        last = &biased;
      }
      if (g.relu) {
        Descriptor relu(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        relu.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(pointwise(CUDNN_POINTWISE_RELU_FWD)))
            .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *last)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
        operation(std::move(relu));
      }
      break;
    }
    case Pattern::data_gradient: {
      const Descriptor& dy = keep(tensor(1, type, out));
      const Descriptor& w = keep(tensor(2, type, kernel));
      const Descriptor& dx = keep(tensor(result, type, in));
      const Descriptor& sum = g.relu ? between(in) : dx;
      Descriptor gradient(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
      gradient.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, keep(convolution_of(g.window)))
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, sum)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_TYPE_FLOAT, 1.0F)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_TYPE_FLOAT, 0.0F);
      operation(std::move(gradient));
      if (g.relu) {
        const Descriptor& before = keep(tensor(3, type, in));
        Descriptor relu(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        relu.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, keep(pointwise(CUDNN_POINTWISE_RELU_BWD)))
            .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, before)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, sum)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, dx);
        operation(std::move(relu));
      }
      break;
    }
    case Pattern::weight_gradient: {
      const Descriptor& x = keep(tensor(1, type, in));
      const Descriptor& dy = keep(tensor(2, type, out));
      const Descriptor& dw = keep(tensor(3, type, kernel));
      Descriptor gradient(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
      gradient.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, keep(convolution_of(g.window)))
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dw)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_TYPE_FLOAT, 1.0F)
          .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_TYPE_FLOAT, 0.0F);
      operation(std::move(gradient));
      break;
    }
    case Pattern::bias_gradient: {
      Descriptor sum(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
      sum.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, CUDNN_REDUCE_TENSOR_ADD)
          .set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
      sum.finalize("describing a sum");
      Descriptor reduction(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
      reduction.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, keep(std::move(sum)))
          .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, keep(tensor(1, type, out)))
          .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, keep(tensor(2, CUDNN_DATA_FLOAT, channels)));
      operation(std::move(reduction));
      break;
    }
  }
  d.graph = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  d.graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::span<const cudnnBackendDescriptor_t>(operations));
  d.graph.finalize("taking a graph together");
  return d;
}

}  // namespace detail

/// What cuDNN says of an engine as a plan has it configured.
struct Engine {
  /// Of an engine configuration, a plan's or one that heuristics suggest.
  explicit Engine(const Descriptor& config) {
    const Descriptor engine = config.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    index = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64);
    name = "engine" + std::to_string(index);
    // Asked how many knobs there are, cuDNN 9.19 says none.
    for (const Descriptor& knob : config.descriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
                                                     CUDNN_KNOB_TYPE_COUNTS)) {
      const auto value = knob.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64);
      if (value == -1) continue;  // left to the engine: a plan out of its text has these, the one that was built may not
      const auto type = knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE);
      name += "_k" + std::to_string(type) + "=" + std::to_string(value);
    }
    notes = engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE);
    const auto behaviour = engine.list<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE);
    compiled = std::ranges::find(behaviour, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) != behaviour.end();
  }
  [[nodiscard]] bool has(cudnnBackendNumericalNote_t note) const { return std::ranges::find(notes, note) != notes.end(); }
  [[nodiscard]] bool deterministic() const { return !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC); }
  [[nodiscard]] bool tensor_cores() const { return has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE); }

  std::int64_t index = -1;
  std::string name;  ///< with its knobs, which last bits depend on too: "engine41_k2=0_k13=1"
  std::vector<cudnnBackendNumericalNote_t> notes;
  bool compiled = false;  ///< by cuDNN at run time, for this GPU; else one of the kernels that cuDNN brings
};

/// A graph as cuDNN will run it.
struct Plan {
  /// Of a finalized execution plan.
  Plan(const Graph& of, Descriptor made)
      : graph(of),
        engine(made.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)),
        workspace_bytes(static_cast<std::size_t>(made.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64))),
        descriptor(std::move(made)) {}

  /// The plan as text, which `load_plan` takes.
  [[nodiscard]] std::string serialised() const {
    const auto text = descriptor.list<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR);
    return {text.begin(), std::find(text.begin(), text.end(), '\0')};
  }

  Graph graph;
  Engine engine;
  std::size_t workspace_bytes = 0;
  bool tried = false;  ///< chosen by a trial, not by the heuristics
  Descriptor descriptor;
};

/// A plan out of its text (`Plan::serialised`), for the same graph, GPU and cuDNN. BackendError where cuDNN does not take it.
inline Plan load_plan(const Graph& graph, const std::string& text, const Target& target) {
  Descriptor made(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  made.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target.properties())  // without which cuDNN 9.19 ends in a segmentation fault
      .set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, std::span<const char>(text.data(), text.size() + 1))
      .finalize("loading a plan");
  return {graph, std::move(made)};
}

/// Runs a plan on the handle's stream; operands in the order of Pattern, on the device, aligned to 16 bytes, as the workspace.
inline void execute(cudnnHandle_t handle, const Plan& plan, std::span<void* const> operands, void* workspace) {
  std::array<std::int64_t, 4> uids{1, 2, 3, 4};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(uids.data(), operands.size()))
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, operands)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  pack.finalize("taking a plan's operands");
  check(cudnnBackendExecute(handle, plan.descriptor.raw(), pack.raw()), "running a plan");
}

}  // namespace cxrnet::cuda
