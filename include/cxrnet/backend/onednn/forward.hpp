#pragma once
#include <cxrnet/backend/onednn/step.hpp>

#include <optional>
#include <string_view>
#include <utility>

// The forward step of each kind of operation.
namespace cxrnet::onednn {

using Convolution = dnnl::convolution_forward::primitive_desc;

inline dnnl::prop_kind kind_of(const op::Operation& o) {
  return o.backward() ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
}

/// Winograd where oneDNN has it for this convolution.
inline std::optional<Convolution> winograd(const op::Operation& o, int batch) {
  // Fewer channels than a block would be padded to one: an image's three to 16.
  const bool fits = o.kind == op::Kind::convolution && o.precision == op::Precision::float32 && o.window.height == 3 && o.window.width == 3 &&
                    o.window.stride == 1 && o.in.channels >= 16;
  if (!fits) return std::nullopt;
  try {
    return convolution(o, any(o.in, batch), any(o.out, batch), dnnl::algorithm::convolution_winograd, kind_of(o));
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

/// Whether the processor has instructions for bfloat16.
inline bool has_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

inline Desc blocked(Dims dims, int n) { return f32(batch_of(dims, n), Tag::nChw16c); }

/// A convolution without the pool behind it.
constexpr op::Operation unpooled(const op::Operation& o) {
  op::Operation alone = o;
  alone.out = op::before_pool(o);
  alone.pool = {};
  return alone;
}

/// The algorithm of a convolution: by rule, the first of ConvolutionAlgorithm that computes it and may be picked.
inline ConvolutionAlgorithm algorithm_of(const Build& build, const op::Operation& o) {
  using enum ConvolutionAlgorithm;
  if (build.fuses && cpu::has_winograd(o)) {
    return build.only ? *build.only : build.book != nullptr ? build.book->choose(o, build.batch) : winograd;
  }
  return build.automatic && onednn::winograd(o, build.batch) ? onednn_winograd : direct;
}

/// Whether our own Winograd runs this operation.
inline bool fuses(const Build& build, const op::Operation& o) {
  return o.kind == op::Kind::convolution && algorithm_of(build, o) == ConvolutionAlgorithm::winograd;
}
inline std::string fused_name() { return "winograd_4x3:" + std::string(name_of(simd_target())); }

inline void forward_fused(Build& build, const op::Operation& o, Step& step) {
  const cpu::WinogradShape shape{o.in.height, o.in.width, o.in.channels, o.out.channels,
                                 o.activation == op::Activation::relu, o.pool.height != 0};
  const Operand from = build.bring(build.value(o.inputs[0]), blocked(o.in, build.batch), 0, step);
  build.settle(o.output, o.out, blocked(o.out, build.batch));
  build.fuse(shape, cpu::WinogradPass::forward, o, from, build.value(o.output), step);
  step.algorithm = fused_name();
}

/// An image's convolution by our own kernel, from its plain floats.
inline void forward_first(Build& build, const op::Operation& o, Step& step) {
  const int threads = thread_count();
  const cpu::FirstShape shape{o.in.height, o.in.width, o.in.channels, o.out.channels, o.activation == op::Activation::relu};
  const cpu::FirstConvolution convolution(shape, simd_target(), threads);
  build.scratch_bytes = std::max(build.scratch_bytes, convolution.scratch_bytes());
  const Operand from = build.bring(build.value(o.inputs[0]), plain(o.in, build.batch), 0, step);
  build.settle(o.output, o.out, blocked(o.out, build.batch));
  step.after_host = step.calls.size();
  step.fused = {convolution, from, build.value(o.output), {}, o.bias};
  step.algorithm = "direct_3x3:" + std::string(name_of(simd_target()));
}

/// Winograd where it may be; else direct, from the layout at hand if that has a kernel of its own, to the layout that
/// Winograd's neighbours want.
inline Convolution choose_convolution(const Build& build, const op::Operation& o, ConvolutionAlgorithm algorithm) {
  if (o.precision == op::Precision::bfloat16) {
    if (!has_bfloat16()) {
      throw BackendError("This processor has no instructions for bfloat16, and would be far slower with it than with "
                         "floats: take Float32 or Int8.");
    }
    return convolution(o, any(o.in, build.batch, o.precision), any(o.out, build.batch, o.precision),
                       dnnl::algorithm::convolution_direct, kind_of(o));
  }
  if (algorithm == ConvolutionAlgorithm::onednn_winograd) {
    if (auto found = winograd(o, build.batch)) return *found;
    throw BackendError(version() + " has no Winograd for the convolution of layer " + std::to_string(o.layer) + ".");
  }
  const Desc dst = build.blocked ? blocked(o.out, build.batch) : any(o.out, build.batch);
  for (const Desc& src : {build.float_layout(o.inputs[0], o.in), any(o.in, build.batch)}) {
    try {
      auto found = convolution(o, src, dst, dnnl::algorithm::convolution_direct, kind_of(o));
      const bool plain_loops = std::string_view(found.impl_info_str()).starts_with("ref");
      if (!plain_loops) return found;
    } catch (const dnnl::error&) {
      continue;
    }
  }
  return convolution(o, any(o.in, build.batch), any(o.out, build.batch), dnnl::algorithm::convolution_direct,
                     kind_of(o));
}

/// A convolution's kernel as it lies in our parameters.
inline Desc convolution_weights(const op::Operation& o) {
  return f32({o.out.channels, o.in.channels, o.window.height, o.window.width}, Tag::hwio);
}

inline void forward_convolution(Build& build, const op::Operation& o, Step& step) {
  if (build.fuses && !o.backward() && cpu::has_first_convolution(o)) return forward_first(build, o, step);
  const ConvolutionAlgorithm algorithm = algorithm_of(build, o);
  if (algorithm == ConvolutionAlgorithm::winograd) return forward_fused(build, o, step);
  const bool pools = o.pool.height != 0;  // oneDNN does that apart
  const Convolution pd = choose_convolution(build, unpooled(o), algorithm);
  const Operand src = build.bring(build.value(o.inputs[0]), pd.src_desc(), 0, step);
  if (!pools) build.settle(o.output, o.out, pd.dst_desc());
  const Operand dst = pools ? build.staging(1, pd.dst_desc()) : build.value(o.output);
  const Operand weights = build.weights(o.kernel, convolution_weights(o), pd.weights_desc());
  Call call{dnnl::convolution_forward(pd),
            {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}}};
  if (o.bias >= 0) call.operands.push_back({DNNL_ARG_BIAS, {Where::parameter, o.bias, bias_desc(o.out.channels)}});
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  step.algorithm = pd.impl_info_str();
  if (!pools) return;
  const auto pool = pooling(dst.desc, any(o.out, build.batch), o.pool, dnnl::algorithm::pooling_max, kind_of(o));
  build.settle(o.output, o.out, pool.dst_desc());
  Call pooled{dnnl::pooling_forward(pool), {{DNNL_ARG_SRC, dst}, {DNNL_ARG_DST, build.value(o.output)}}};
  build.add_scratch(pool.scratchpad_desc(), pooled);
  step.calls.push_back(std::move(pooled));
}

/// The window and the algorithm of a pool; global average pooling has the whole map as its window.
inline std::pair<op::Window, dnnl::algorithm> pool_of(const op::Operation& o) {
  if (o.kind == op::Kind::max_pool) return {o.window, dnnl::algorithm::pooling_max};
  return {{.height = o.in.height, .width = o.in.width}, dnnl::algorithm::pooling_avg_exclude_padding};
}

/// A pool's forward: from what layout to what. A vector is wanted as plain rows, which a blocked 1 x 1 map is as well
/// where the channels fill their blocks.
inline dnnl::pooling_forward::primitive_desc choose_pool(const Build& build, const op::Operation& o) {
  const bool vector = o.out.is_vector();
  const bool rows = vector && o.out.channels % 16 != 0;
  const Dims pooled = vector ? image_dims(1, 1, o.out.channels) : o.out;
  const bool same = o.precision == op::Precision::bfloat16;  // in numbers, as what it reads
  const Desc given = same ? build.layout(o.inputs[0]) : build.float_layout(o.inputs[0], o.in);
  const Desc src = rows ? plain(o.in, build.batch) : given;
  const Desc dst = rows ? f32(batch_of(pooled, build.batch), Tag::nhwc) : any(pooled, build.batch, o.precision);
  const auto [window, algorithm] = pool_of(o);
  const auto found = pooling(src, dst, window, algorithm, kind_of(o));
  const bool plain_loops = std::string_view(found.impl_info_str()).starts_with("ref");
  // AVX2 has no kernel for our own convolutions' blocks of 16 channels.
  return plain_loops && !o.backward() && !same ? pooling(plain(o.in, build.batch), dst, window, algorithm, kind_of(o)) : found;
}

inline void forward_pool(Build& build, const op::Operation& o, Step& step, int& kept) {
  const auto pd = choose_pool(build, o);
  const Operand src = build.bring(build.value(o.inputs[0]), pd.src_desc(), 0, step);
  build.settle(o.output, o.out, o.out.is_vector() ? plain(o.out, build.batch) : pd.dst_desc());
  Call call{dnnl::pooling_forward(pd),
            {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, {Where::value, o.output, pd.dst_desc()}}}};
  // While training, a max pool keeps where each maximum was.
  if (o.backward() && o.kind == op::Kind::max_pool) {
    const Operand maxima = build.keep(pd.workspace_desc());
    kept = maxima.index;
    call.operands.push_back({DNNL_ARG_WORKSPACE, maxima});
  }
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  step.algorithm = pd.impl_info_str();
}

inline void forward_dense(Build& build, const op::Operation& o, Step& step) {
  const auto pd = dense(o, build.batch, kind_of(o));
  const Operand src = build.bring(build.value(o.inputs[0]), pd.src_desc(), 0, step);
  build.settle(o.output, o.out, pd.dst_desc());
  Call call{dnnl::inner_product_forward(pd),
            {{DNNL_ARG_SRC, src},
             {DNNL_ARG_WEIGHTS, {Where::parameter, o.kernel, dense_weights(o)}},
             {DNNL_ARG_DST, build.value(o.output)}}};
  if (o.bias >= 0) call.operands.push_back({DNNL_ARG_BIAS, {Where::parameter, o.bias, bias_desc(o.out.channels)}});
  build.add_scratch(pd.scratchpad_desc(), call);
  step.calls.push_back(std::move(call));
  step.algorithm = pd.impl_info_str();
}

/// A value's layout with fewer images, the outermost dimension. A vector is a 1 x 1 map.
inline Desc images_of(const Desc& layout, Dims dims, int n) {
  if (dims.is_vector()) return f32(batch_of(image_dims(1, 1, dims.channels), n), Tag::nhwc);
  const Args extent = batch_of(dims, n);
  return layout.submemory_desc(extent, Args(extent.size(), 0));
}

/// Where batch normalisation has its mean and its variance: the moving averages, or what forward keeps for backward.
struct Moments {
  Operand mean, variance;
};
inline Moments moments_of(const op::Operation& o, int kept) {
  const Desc desc = bias_desc(o.in.channels);
  if (o.statistics == op::Statistics::moving) {
    return {{Where::parameter, o.first_parameter + 2, desc}, {Where::parameter, o.first_parameter + 3, desc}};
  }
  const auto room = static_cast<int>(Build::rounded(desc.get_size()) / arena_alignment);
  return {{Where::kept, kept, desc}, {Where::kept, kept + room, desc}};
}

inline void forward_batch_norm(Build& build, const op::Operation& o, Step& step, int& kept) {
  const Operand from = build.bring(build.value(o.inputs[0]), build.float_layout(o.inputs[0], o.in), 0, step);
  build.settle(o.output, o.out, from.desc);
  if (o.statistics == op::Statistics::batch) {
    kept = build.keep(bias_desc(o.in.channels)).index;
    static_cast<void>(build.keep(bias_desc(o.in.channels)));
  }
  const auto call = [o, from, layout = build.layout(o.output), kept](int n) {
    const Desc data = images_of(layout, o.out, n);
    const auto pd = batch_normalization(o, data, kind_of(o));
    const auto [mean, variance] = moments_of(o, kept);
    Call made{dnnl::batch_normalization_forward(pd),
              {{DNNL_ARG_SRC, {from.where, from.index, data}},
               {DNNL_ARG_DST, {Where::value, o.output, data}},
               {DNNL_ARG_MEAN, mean},
               {DNNL_ARG_VARIANCE, variance},
               {DNNL_ARG_SCRATCHPAD, {Where::scratch, 0, pd.scratchpad_desc()}}}};
    for (const AffineArgument& affine : affine_arguments(o.in.channels)) {
      made.operands.push_back({affine.argument, {Where::parameter, o.first_parameter + affine.which, affine.desc}});
    }
    return made;
  };
  Call whole = call(build.batch);
  build.scratch_bytes = std::max(build.scratch_bytes, whole.scratch_bytes());
  step.algorithm = "batch_normalization";
  if (o.statistics == op::Statistics::moving) {
    step.calls.push_back(std::move(whole));
  } else {
    step.exact = call;
    step.rest = build.value(o.output);
  }
}

/// What a sum adds to a map of that layout: another of the same, or a bias as oneDNN has more than plain loops for; none
/// where it has not. A block that the channels do not fill would be read beyond their end.
inline std::optional<Desc> addend(const op::Operation& o, const Desc& map) {
  if (o.kind == op::Kind::add) return map;
  const std::pair<Tag, int> layouts[] = {{Tag::nhwc, 1}, {Tag::nChw16c, 16}, {Tag::nChw8c, 8}};
  for (const auto& [tag, block] : layouts) {
    const Desc bias = f32({1, o.in.channels, 1, 1}, tag);
    const bool fills = o.in.channels % block == 0;
    if (fills && !std::string_view(sum(map, bias).impl_info_str()).starts_with("ref")) return bias;
  }
  return std::nullopt;
}

/// bias, ReLU and sum of maps in the layout at hand, where nothing goes backward; false where that is not to be had.
inline bool forward_elementwise(Build& build, const op::Operation& o, Step& step) {
  const bool is_relu = o.kind == op::Kind::activation && o.activation == op::Activation::relu;
  const bool is_sum = o.kind == op::Kind::bias || o.kind == op::Kind::add;
  if (o.backward() || !o.in.is_image() || !(is_relu || is_sum)) return false;
  const Operand x = build.bring(build.value(o.inputs[0]), build.float_layout(o.inputs[0], o.in), 0, step);
  const auto add = [&](const auto& pd, Call call) {
    build.add_scratch(pd.scratchpad_desc(), call);
    step.calls.push_back(std::move(call));
    step.algorithm = pd.impl_info_str();
    return true;
  };
  if (is_relu) {
    build.settle(o.output, o.out, x.desc);
    const auto pd = relu(x.desc);
    return add(pd, {dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, build.value(o.output)}}});
  }
  const auto added = addend(o, x.desc);
  step.blocked_bias = !added && o.in.channels % 16 == 0 && x.desc == blocked(o.in, build.batch);
  if (!added && !step.blocked_bias) return false;
  build.settle(o.output, o.out, x.desc);
  if (step.blocked_bias) {
    step.after_host = 0;
    step.algorithm = "blocked loops";
    return true;
  }
  const Operand y = o.kind == op::Kind::add ? build.bring(build.value(o.inputs[1]), *added, 1, step)
                                            : Operand{Where::parameter, o.bias, *added};
  const auto pd = sum(x.desc, *added);
  return add(pd, {dnnl::binary(pd), {{DNNL_ARG_SRC_0, x}, {DNNL_ARG_SRC_1, y}, {DNNL_ARG_DST, build.value(o.output)}}});
}

/// What the host runs: its inputs as plain NHWC.
inline void forward_on_host(Build& build, const op::Operation& o, Step& step) {
  step.host = true;
  for (std::size_t k = 0; k < static_cast<std::size_t>(o.input_count()); ++k) {
    const Operand input = build.bring(build.value(o.inputs[k]), plain(o.in, build.batch), static_cast<int>(k), step);
    step.staged[k] = input.where == Where::staging;
  }
  build.settle(o.output, o.out, plain(o.out, build.batch));
}

/// A convolution on bytes, from an image's or a map's to a map's.
inline void forward_bytes(Build& build, const op::Operation& o, Step& step) {
  const cpu::ByteShape shape = cpu::byte_shape(o);
  const SimdTarget target = cpu::byte_target();
  const int threads = thread_count();
  QuantizedConvolution made{&o, {shape, target, threads}, std::nullopt};
  if (cpu::has_byte_winograd(o)) {
    made.winograd.emplace(shape, target, build.batch, threads);
    build.scratch_bytes = std::max(build.scratch_bytes, made.winograd->scratch_bytes());
  }
  if (o.scale_in < 0) {
    const auto image = static_cast<std::size_t>(shape.from.size()) * static_cast<std::size_t>(build.batch);
    build.staging_bytes = std::max(build.staging_bytes, Build::rounded(image));
    build.areas = std::max(build.areas, 1);
  }
  build.settle(o.output, o.out, plain(o.out, build.batch));
  step.quantized = build.quantized.size();
  build.quantized.push_back(std::move(made));
}

/// The forward step of an operation; `kept` gets the place of what is kept for backward, where something is.
inline Step forward_step(Build& build, const op::Operation& o, int& kept) {
  Step step{&o, {}};
  if (o.precision == op::Precision::int8) {
    forward_bytes(build, o, step);
    return step;
  }
  if (forward_elementwise(build, o, step)) return step;
  switch (o.kind) {
    case op::Kind::convolution: forward_convolution(build, o, step); break;
    case op::Kind::max_pool:
    case op::Kind::global_average_pool: forward_pool(build, o, step, kept); break;
    case op::Kind::dense: forward_dense(build, o, step); break;
    case op::Kind::batch_norm: forward_batch_norm(build, o, step, kept); break;
    case op::Kind::bias:
    case op::Kind::activation:
    case op::Kind::flatten:
    case op::Kind::dropout:
    case op::Kind::add:
    case op::Kind::custom: forward_on_host(build, o, step); break;
  }
  return step;
}

}  // namespace cxrnet::onednn
