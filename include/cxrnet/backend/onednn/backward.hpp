#pragma once
#include <cxrnet/backend/onednn/forward.hpp>

#include <utility>

// The backward step of each kind of operation. The gradient of a value has the value's layout.
namespace cxrnet::onednn {

/// Where a primitive may write the gradient of a value: straight into it, or a staging area from which `deliver` takes it.
inline Operand gradient_target(Build& build, int value, const Desc& desc) {
  const bool straight = build.delivered[static_cast<std::size_t>(value)] == 0 && build.layout(value) == desc;
  if (!straight) return build.staging(Build::staging_areas - 1, desc);
  return build.gradient(value);
}

/// Brings a gradient to a value, adding where another reader of the value has already given one.
inline void deliver(Build& build, const Operand& from, int value, std::vector<Call>& calls) {
  char& delivered = build.delivered[static_cast<std::size_t>(value)];
  if (from.where != Where::gradient || from.index != value) {
    calls.push_back(build.reorder(from, build.gradient(value), delivered != 0 ? Build::Sum::yes : Build::Sum::no));
  }
  delivered = 1;
}

/// oneDNN's Winograd backward where some Winograd is picked forward and oneDNN has it.
inline dnnl::algorithm backward_algorithm(const Build& build, const op::Operation& o) {
  const bool picked = algorithm_of(build, o) != ConvolutionAlgorithm::direct;
  return picked && winograd(o, build.batch) ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct;
}

/// Gradients of a convolution's kernel and bias.
inline void backward_convolution_weights(Build& build, const op::Operation& o, Step& step) {
  const auto pd = convolution_backward_weights(o, build.layout(o.inputs[0]), build.layout(o.output), build.batch,
                                               backward_algorithm(build, o));
  const Operand src = build.bring(build.value(o.inputs[0]), pd.src_desc(), 0, step);
  const Operand dst = build.bring(build.gradient(o.output), pd.diff_dst_desc(), 1, step);
  const Operand logical{Where::parameter_gradient, o.kernel, convolution_weights(o)};
  const bool straight = pd.diff_weights_desc() == logical.desc;
  const Operand weights = straight ? logical : build.staging(2, pd.diff_weights_desc());
  Call call{dnnl::convolution_backward_weights(pd),
            {{DNNL_ARG_SRC, src}, {DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_DIFF_WEIGHTS, weights}}};
  if (o.bias >= 0) {
    call.operands.push_back({DNNL_ARG_DIFF_BIAS, {Where::parameter_gradient, o.bias, bias_desc(o.out.channels)}});
  }
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  step.algorithm = pd.impl_info_str();
  if (!straight) step.calls.push_back(build.reorder(weights, logical));
}

/// The same by our own Winograd: a convolution of the output's gradient.
inline void backward_fused_data(Build& build, const op::Operation& o, Step& step) {
  const cpu::WinogradShape shape{o.in.height, o.in.width, o.out.channels, o.in.channels};
  const Operand from = build.bring(build.gradient(o.output), blocked(o.out, build.batch), 1, step);
  const Operand target = gradient_target(build, o.inputs[0], blocked(o.in, build.batch));
  build.fuse(shape, cpu::WinogradPass::data_gradient, o, from, target, step);
  step.algorithm = (o.gradient_parameters ? step.algorithm + ", " : "") + fused_name();
  deliver(build, target, o.inputs[0], step.calls);
}

/// The gradient of a convolution's input.
inline void backward_convolution_data(Build& build, const op::Operation& o, Step& step) {
  if (fuses(build, o)) return backward_fused_data(build, o, step);
  const auto pd = convolution_backward_data(o, build.layout(o.inputs[0]), build.layout(o.output), build.batch,
                                            backward_algorithm(build, o));
  const Operand dst = build.bring(build.gradient(o.output), pd.diff_dst_desc(), 1, step);
  const Operand target = gradient_target(build, o.inputs[0], pd.diff_src_desc());
  Call call{dnnl::convolution_backward_data(pd),
            {{DNNL_ARG_DIFF_DST, dst},
             {DNNL_ARG_WEIGHTS, build.weights(o.kernel, convolution_weights(o), pd.weights_desc())},
             {DNNL_ARG_DIFF_SRC, target}}};
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  step.algorithm = (o.gradient_parameters ? step.algorithm + ", " : "") + pd.impl_info_str();
  deliver(build, target, o.inputs[0], step.calls);
}

inline void backward_pool(Build& build, const op::Operation& o, Step& step, int kept) {
  const auto forward = choose_pool(build, o);
  const auto [window, algorithm] = pool_of(o);
  const auto pd = pooling_backward(forward.src_desc(), forward.dst_desc(), window, algorithm, forward);
  const Operand target = gradient_target(build, o.inputs[0], pd.diff_src_desc());
  // A vector's rows and a 1 x 1 map are the same bytes.
  Operand dst{Where::gradient, o.output, forward.dst_desc()};
  dst = build.bring(dst, pd.diff_dst_desc(), 1, step);
  Call call{dnnl::pooling_backward(pd), {{DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_DIFF_SRC, target}}};
  if (o.kind == op::Kind::max_pool) {
    call.operands.push_back({DNNL_ARG_WORKSPACE, {Where::kept, kept, forward.workspace_desc()}});
  }
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  deliver(build, target, o.inputs[0], step.calls);
}

inline void backward_dense(Build& build, const op::Operation& o, Step& step) {
  const auto forward = dense(o, build.batch, dnnl::prop_kind::forward_training);
  const Operand gradient = build.gradient(o.output);
  if (o.gradient_parameters) {
    const auto pd = dense_backward_weights(o, build.batch, forward);
    const Operand src = build.bring(build.value(o.inputs[0]), pd.src_desc(), 0, step);
    Call call{dnnl::inner_product_backward_weights(pd),
              {{DNNL_ARG_SRC, src},
               {DNNL_ARG_DIFF_DST, gradient},
               {DNNL_ARG_DIFF_WEIGHTS, {Where::parameter_gradient, o.kernel, dense_weights(o)}}}};
    if (o.bias >= 0) {
      call.operands.push_back({DNNL_ARG_DIFF_BIAS, {Where::parameter_gradient, o.bias, bias_desc(o.out.channels)}});
    }
    build.add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
  }
  if (o.gradient_in) {
    const auto pd = dense_backward_data(o, build.batch, forward);
    const Operand target = gradient_target(build, o.inputs[0], pd.diff_src_desc());
    Call call{dnnl::inner_product_backward_data(pd),
              {{DNNL_ARG_DIFF_DST, gradient},
               {DNNL_ARG_WEIGHTS, {Where::parameter, o.kernel, dense_weights(o)}},
               {DNNL_ARG_DIFF_SRC, target}}};
    build.add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    deliver(build, target, o.inputs[0], step.calls);
  }
}

/// The gradient goes straight into the input's, or to a staging area and from there; what the batch's statistics were
/// goes where the gradients of the moving averages would be.
inline void backward_batch_norm(Build& build, const op::Operation& o, Step& step, int kept) {
  const Desc& whole_batch = build.layout(o.output);
  const Operand target = o.gradient_in ? gradient_target(build, o.inputs[0], whole_batch)
                                       : build.staging(Build::staging_areas - 1, whole_batch);
  const auto call = [o, layout = build.layout(o.output), kept, target](int n) {
    const Desc data = images_of(layout, o.out, n);
    const auto pd = batch_normalization_backward(o, data, batch_normalization(o, data, kind_of(o)));
    const auto [mean, variance] = moments_of(o, kept);
    Call made{dnnl::batch_normalization_backward(pd),
              {{DNNL_ARG_SRC, {Where::value, o.inputs[0], data}},
               {DNNL_ARG_DIFF_DST, {Where::gradient, o.output, data}},
               {DNNL_ARG_DIFF_SRC, {target.where, target.index, data}},
               {DNNL_ARG_MEAN, mean},
               {DNNL_ARG_VARIANCE, variance},
               {DNNL_ARG_SCRATCHPAD, {Where::scratch, 0, pd.scratchpad_desc()}}}};
    for (const AffineArgument& affine : affine_arguments(o.in.channels)) {
      const int number = o.first_parameter + affine.which;
      if (affine.which == 0) made.operands.push_back({affine.argument, {Where::parameter, number, affine.desc}});
      const bool wanted = o.gradient_parameters;
      made.operands.push_back({affine.gradient, {wanted ? Where::parameter_gradient : Where::staging,
                                                 wanted ? number : affine.which, affine.desc}});
    }
    return made;
  };
  if (!o.gradient_parameters) {
    for (const AffineArgument& affine : affine_arguments(o.in.channels)) {
      static_cast<void>(build.staging(affine.which, affine.desc));
    }
  }
  Call whole = call(build.batch);
  build.scratch_bytes = std::max(build.scratch_bytes, whole.scratch_bytes());
  step.after_host = step.calls.size();
  if (o.statistics == op::Statistics::moving) {
    step.calls.push_back(std::move(whole));
  } else {
    step.exact = call;
    step.rest = target;
    const auto [mean, variance] = moments_of(o, kept);
    const Desc vector = bias_desc(o.in.channels);
    step.calls.push_back(build.reorder(mean, {Where::parameter_gradient, o.first_parameter + 2, vector}));
    step.calls.push_back(build.reorder(variance, {Where::parameter_gradient, o.first_parameter + 3, vector}));
  }
  if (o.gradient_in) deliver(build, target, o.inputs[0], step.calls);
}

/// What the host runs backward, on plain NHWC. A users' operation reads its input once more.
inline void backward_on_host(Build& build, const op::Operation& o, Step& step) {
  const Desc desc = plain(o.in, build.batch);
  if (o.kind == op::Kind::custom) {
    step.staged[0] = build.bring(build.value(o.inputs[0]), desc, 0, step).where == Where::staging;
  }
  if (!build.has_gradient(o.inputs[0]) || !o.gradient_in) return;
  const Operand target = gradient_target(build, o.inputs[0], desc);
  step.result_staged = target.where == Where::staging;
  step.after_host = step.calls.size();
  deliver(build, target, o.inputs[0], step.calls);
}

/// Both inputs of a sum get its gradient.
inline void backward_add(Build& build, const op::Operation& o, Step& step) {
  for (const int input : o.inputs) {
    if (build.has_gradient(input)) deliver(build, build.gradient(o.output), input, step.calls);
  }
}

inline Step backward_step(Build& build, const op::Operation& o, int kept) {
  Step step{&o, {}};
  if (o.activation == op::Activation::relu) {
    const auto pd = relu_backward(build.layout(o.output));
    Call call{dnnl::eltwise_backward(pd),
              {{DNNL_ARG_DST, build.value(o.output)},
               {DNNL_ARG_DIFF_DST, build.gradient(o.output)},
               {DNNL_ARG_DIFF_SRC, build.gradient(o.output)}}};
    build.add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
  }
  switch (o.kind) {
    case op::Kind::convolution:
      if (o.gradient_parameters) backward_convolution_weights(build, o, step);
      if (o.gradient_in) backward_convolution_data(build, o, step);
      break;
    case op::Kind::max_pool:
    case op::Kind::global_average_pool:
      if (o.gradient_in) backward_pool(build, o, step, kept);
      break;
    case op::Kind::dense: backward_dense(build, o, step); break;
    case op::Kind::add: backward_add(build, o, step); break;
    case op::Kind::batch_norm: backward_batch_norm(build, o, step, kept); break;
    case op::Kind::bias:
    case op::Kind::activation:
    case op::Kind::flatten:
    case op::Kind::dropout:
    case op::Kind::custom: backward_on_host(build, o, step); break;
  }
  return step;
}

}  // namespace cxrnet::onednn
