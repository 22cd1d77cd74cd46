#pragma once
#include <cxrnet/op/operation.hpp>

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <string_view>
#include <vector>

// oneDNN 2 and 3 under one set of functions: the only place that knows which it is.
namespace cxrnet::onednn {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Args = dnnl::memory::dims;

inline dnnl::engine& cpu() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

inline Desc f32(const Args& dims, Tag tag) { return {dims, dnnl::memory::data_type::f32, tag}; }

/// n samples as oneDNN counts dims: n x channels x height x width, or n x channels.
inline Args batch_of(Dims dims, int n) {
  if (dims.is_vector()) return {n, dims.channels};
  return {n, dims.channels, dims.height, dims.width};
}
/// Plain NHWC, or rows of a matrix.
inline Desc plain(Dims dims, int n) { return f32(batch_of(dims, n), dims.is_vector() ? Tag::nc : Tag::nhwc); }
/// What oneDNN calls the numbers of values and weights.
inline dnnl::memory::data_type type_of(op::Precision precision) {
  return precision == op::Precision::bfloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}
inline Desc any(Dims dims, int n, op::Precision precision = op::Precision::float32) {
  return {batch_of(dims, n), type_of(precision), Tag::any};
}
inline bool is_float(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_data_type() == dnnl::memory::data_type::f32;
#else
  return desc.data_type() == dnnl::memory::data_type::f32;
#endif
}

inline dnnl::primitive_attr attributes(op::Activation activation) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (activation == op::Activation::relu) {
    dnnl::post_ops post;
#if DNNL_VERSION_MAJOR >= 3
    post.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
    post.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
    attr.set_post_ops(post);
  }
  return attr;
}

inline Desc bias_desc(int channels) { return f32({channels}, Tag::x); }

/// A window's geometry as oneDNN takes it.
struct Geometry {
  explicit Geometry(const op::Window& w)
      : strides{w.stride, w.stride},
        kernel{w.height, w.width},
        before{w.pad_top, w.pad_left},
        after{w.pad_bottom, w.pad_right} {}
  Args strides, kernel, before, after;
};

inline Desc any_weights(const op::Operation& o) {
  return {{o.out.channels, o.in.channels, o.window.height, o.window.width}, type_of(o.precision), Tag::any};
}
inline Desc bias_of(const op::Operation& o) { return o.bias >= 0 ? bias_desc(o.out.channels) : Desc(); }

inline dnnl::convolution_forward::primitive_desc convolution(const op::Operation& o, const Desc& src, const Desc& dst,
                                                             dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  const Geometry g(o.window);
  const auto attr = attributes(o.activation);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, algorithm, src, any_weights(o), bias_of(o), dst, g.strides, g.before, g.after, attr};
#else
  return {{kind, algorithm, src, any_weights(o), bias_of(o), dst, g.strides, g.before, g.after}, attr, cpu()};
#endif
}

/// `src` and `dst` hint at the layouts at hand; where that has no kernel of its own, oneDNN chooses.
template <class Build>
auto with_or_without_hint(const Desc& src, const Desc& dst, const op::Operation& o, int n, Build build) {
  try {
    auto found = build(src, dst);
    if (!std::string_view(found.impl_info_str()).starts_with("ref")) return found;
  } catch (const dnnl::error&) {
    // Below.
  }
  return build(any(o.in, n), any(o.out, n));
}

inline dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const op::Operation& o,
                                                                                 const Desc& src, const Desc& dst, int n,
                                                                                 dnnl::algorithm algorithm) {
  const Geometry g(o.window);
  const auto attr = attributes(op::Activation::none);
  return with_or_without_hint(src, dst, o, n, [&](const Desc& from, const Desc& to) {
    const auto hint = convolution(o, from, to, algorithm, dnnl::prop_kind::forward_training);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::convolution_backward_data::primitive_desc(cpu(), algorithm, from, any_weights(o), to, g.strides,
                                                           g.before, g.after, hint, attr);
#else
    return dnnl::convolution_backward_data::primitive_desc(
        {algorithm, from, any_weights(o), to, g.strides, g.before, g.after}, attr, cpu(), hint);
#endif
  });
}

inline dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(const op::Operation& o,
                                                                                       const Desc& src, const Desc& dst,
                                                                                       int n,
                                                                                       dnnl::algorithm algorithm) {
  const Geometry g(o.window);
  const auto attr = attributes(op::Activation::none);
  return with_or_without_hint(src, dst, o, n, [&](const Desc& from, const Desc& to) {
    const auto hint = convolution(o, from, to, algorithm, dnnl::prop_kind::forward_training);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::convolution_backward_weights::primitive_desc(cpu(), algorithm, from, any_weights(o), bias_of(o), to,
                                                              g.strides, g.before, g.after, hint, attr);
#else
    return dnnl::convolution_backward_weights::primitive_desc(
        {algorithm, from, any_weights(o), bias_of(o), to, g.strides, g.before, g.after}, attr, cpu(), hint);
#endif
  });
}

inline dnnl::pooling_forward::primitive_desc pooling(const Desc& src, const Desc& dst, const op::Window& w,
                                                     dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  const Geometry g(w);
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, algorithm, src, dst, g.strides, g.kernel, {0, 0}, g.before, g.after, attr};
#else
  return {{kind, algorithm, src, dst, g.strides, g.kernel, g.before, g.after}, attr, cpu()};
#endif
}

inline dnnl::pooling_backward::primitive_desc pooling_backward(const Desc& src, const Desc& dst, const op::Window& w,
                                                               dnnl::algorithm algorithm,
                                                               const dnnl::pooling_forward::primitive_desc& forward) {
  const Geometry g(w);
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), algorithm, src, dst, g.strides, g.kernel, {0, 0}, g.before, g.after, forward, attr};
#else
  return {{algorithm, src, dst, g.strides, g.kernel, g.before, g.after}, attr, cpu(), forward};
#endif
}

/// A dense layer's kernel as it lies in our parameters: in x out.
inline Desc dense_weights(const op::Operation& o) {
  return f32({static_cast<dnnl::memory::dim>(o.out.size()), static_cast<dnnl::memory::dim>(o.in.size())}, Tag::io);
}

inline dnnl::inner_product_forward::primitive_desc dense(const op::Operation& o, int n, dnnl::prop_kind kind) {
  const Desc src = plain(o.in, n);
  const Desc dst = plain(o.out, n);
  const auto activation = o.activation == op::Activation::relu ? o.activation : op::Activation::none;
  const auto attr = attributes(activation);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, src, dense_weights(o), bias_of(o), dst, attr};
#else
  return {{kind, src, dense_weights(o), bias_of(o), dst}, attr, cpu()};
#endif
}

inline dnnl::inner_product_backward_data::primitive_desc dense_backward_data(
    const op::Operation& o, int n, const dnnl::inner_product_forward::primitive_desc& forward) {
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), plain(o.in, n), dense_weights(o), plain(o.out, n), forward, attr};
#else
  return {{plain(o.in, n), dense_weights(o), plain(o.out, n)}, attr, cpu(), forward};
#endif
}

inline dnnl::inner_product_backward_weights::primitive_desc dense_backward_weights(
    const op::Operation& o, int n, const dnnl::inner_product_forward::primitive_desc& forward) {
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), plain(o.in, n), dense_weights(o), bias_of(o), plain(o.out, n), forward, attr};
#else
  return {{plain(o.in, n), dense_weights(o), bias_of(o), plain(o.out, n)}, attr, cpu(), forward};
#endif
}

/// Batch normalisation, of statistics that are given or of the batch's own.
inline dnnl::normalization_flags normalization_flags(op::Statistics statistics) {
  using Flags = dnnl::normalization_flags;
#if DNNL_VERSION_MAJOR >= 3
  const Flags affine = Flags::use_scale | Flags::use_shift;
#else
  const Flags affine = Flags::use_scale_shift;
#endif
  return statistics == op::Statistics::moving ? affine | Flags::use_global_stats : affine;
}

/// Where a batch normalisation takes gamma and beta from, or gives their gradients to: which argument has which of the
/// two (0, 1), and its layout. oneDNN 2 takes them as one, and they lie together.
struct AffineArgument {
  int argument;
  int gradient;
  int which;
  Desc desc;
};
inline std::vector<AffineArgument> affine_arguments(int channels) {
#if DNNL_VERSION_MAJOR >= 3
  return {{DNNL_ARG_SCALE, DNNL_ARG_DIFF_SCALE, 0, bias_desc(channels)},
          {DNNL_ARG_SHIFT, DNNL_ARG_DIFF_SHIFT, 1, bias_desc(channels)}};
#else
  return {{DNNL_ARG_SCALE_SHIFT, DNNL_ARG_DIFF_SCALE_SHIFT, 0, f32({2, channels}, Tag::nc)}};
#endif
}

inline dnnl::batch_normalization_forward::primitive_desc batch_normalization(const op::Operation& o, const Desc& data,
                                                                             dnnl::prop_kind kind) {
  const auto flags = normalization_flags(o.statistics);
  const auto epsilon = static_cast<float>(o.epsilon);
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, data, data, epsilon, flags, attr};
#else
  return {{kind, data, epsilon, flags}, attr, cpu()};
#endif
}

inline dnnl::batch_normalization_backward::primitive_desc batch_normalization_backward(
    const op::Operation& o, const Desc& data, const dnnl::batch_normalization_forward::primitive_desc& forward) {
  const auto kind = dnnl::prop_kind::backward;  // oneDNN 2.6 has no backward_data with gamma
  const auto flags = normalization_flags(o.statistics);
  const auto epsilon = static_cast<float>(o.epsilon);
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, data, data, data, epsilon, flags, forward, attr};
#else
  return {{kind, data, data, epsilon, flags}, attr, cpu(), forward};
#endif
}

inline dnnl::eltwise_forward::primitive_desc relu(const Desc& data) {
  constexpr auto kind = dnnl::prop_kind::forward_inference;
  constexpr auto algorithm = dnnl::algorithm::eltwise_relu;
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, algorithm, data, data, 0.0F, 0.0F, attr};
#else
  return {{kind, algorithm, data, 0.0F, 0.0F}, attr, cpu()};
#endif
}

/// data + added, which has data's dims or one number for each channel.
inline dnnl::binary::primitive_desc sum(const Desc& data, const Desc& added) {
  constexpr auto algorithm = dnnl::algorithm::binary_add;
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), algorithm, data, added, data, attr};
#else
  return {{algorithm, data, added, data}, attr, cpu()};
#endif
}

/// The gradient of what a ReLU got, out of that of what it gave, which `data` has.
inline dnnl::eltwise_backward::primitive_desc relu_backward(const Desc& data) {
  constexpr auto algorithm = dnnl::algorithm::eltwise_relu_use_dst_for_bwd;
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::eltwise_forward::primitive_desc hint(cpu(), dnnl::prop_kind::forward_training, algorithm, data, data, 0.0F,
                                                   0.0F);
  return {cpu(), algorithm, data, data, data, 0.0F, 0.0F, hint, attr};
#else
  const dnnl::eltwise_forward::primitive_desc hint({dnnl::prop_kind::forward_training, algorithm, data, 0.0F, 0.0F},
                                                   cpu());
  return {{algorithm, data, data, 0.0F, 0.0F}, attr, cpu(), hint};
#endif
}

}  // namespace cxrnet::onednn
