#pragma once
#include <cxrnet/op/operation.hpp>

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

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
inline Desc any(Dims dims, int n) { return f32(batch_of(dims, n), Tag::any); }

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

inline dnnl::convolution_forward::primitive_desc convolution(const op::Operation& o, const Desc& src, const Desc& dst,
                                                             dnnl::algorithm algorithm) {
  const op::Window& w = o.window;
  const Desc weights = f32({o.out.channels, o.in.channels, w.height, w.width}, Tag::any);
  const Desc bias = o.bias >= 0 ? bias_desc(o.out.channels) : Desc();
  const Args strides{w.stride, w.stride};
  const Args before{w.pad_top, w.pad_left};
  const Args after{w.pad_bottom, w.pad_right};
  const auto attr = attributes(o.activation);
  constexpr auto inference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), inference, algorithm, src, weights, bias, dst, strides, before, after, attr};
#else
  return {{inference, algorithm, src, weights, bias, dst, strides, before, after}, attr, cpu()};
#endif
}

inline dnnl::pooling_forward::primitive_desc pooling(const Desc& src, const Desc& dst, const op::Window& w,
                                                     dnnl::algorithm algorithm) {
  const Args strides{w.stride, w.stride};
  const Args kernel{w.height, w.width};
  const Args before{w.pad_top, w.pad_left};
  const Args after{w.pad_bottom, w.pad_right};
  const auto attr = attributes(op::Activation::none);
  constexpr auto inference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), inference, algorithm, src, dst, strides, kernel, {0, 0}, before, after, attr};
#else
  return {{inference, algorithm, src, dst, strides, kernel, before, after}, attr, cpu()};
#endif
}

/// A dense layer's kernel as it lies in our parameters: in x out.
inline Desc dense_weights(const op::Operation& o) {
  return f32({static_cast<dnnl::memory::dim>(o.out.size()), static_cast<dnnl::memory::dim>(o.in.size())}, Tag::io);
}

inline dnnl::inner_product_forward::primitive_desc dense(const op::Operation& o, int n, dnnl::prop_kind kind) {
  const Desc src = plain(o.in, n);
  const Desc dst = plain(o.out, n);
  const Desc bias = o.bias >= 0 ? bias_desc(o.out.channels) : Desc();
  const auto activation = o.activation == op::Activation::relu ? o.activation : op::Activation::none;
  const auto attr = attributes(activation);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), kind, src, dense_weights(o), bias, dst, attr};
#else
  return {{kind, src, dense_weights(o), bias, dst}, attr, cpu()};
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
  const Desc bias = o.bias >= 0 ? bias_desc(o.out.channels) : Desc();
  const auto attr = attributes(op::Activation::none);
#if DNNL_VERSION_MAJOR >= 3
  return {cpu(), plain(o.in, n), dense_weights(o), bias, plain(o.out, n), forward, attr};
#else
  return {{plain(o.in, n), dense_weights(o), bias, plain(o.out, n)}, attr, cpu(), forward};
#endif
}

/// "oneDNN 2.6.3"
inline std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

}  // namespace cxrnet::onednn
