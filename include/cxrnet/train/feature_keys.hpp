#pragma once
#include <cxrnet/augment/prepare.hpp>
#include <cxrnet/core/version.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/io/hash.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/feature_store.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace cxrnet {

/// Names features by all that they depend on: the parameters, layers and operations before the cut, the algorithms that
/// run them, the batches' capacity and store.computation(); the images' files; how they are prepared, by what it makes of
/// a small image, and their transforms. A layer of a user's own is known by its name and parameters alone.
class FeatureKeys {
 public:
  FeatureKeys(const Classifier& net, const FeatureStore& store) {
    const Description& network = net.description();
    text("cxrnet").text(version).number(revision).text(store.computation()).text(net.backend()).number(net.capacity());
    text(network.preprocess).dims(network.input).dims(network.features);
    for (const op::Operation& o : network.operations) {
      if (o.layer < network.cut) operation(network, o);
    }
    for (const Algorithm& a : net.algorithms()) {
      if (a.layer < network.cut) number(a.layer).text(a.operation).text(a.name);
    }
    const std::span<const float> parameters = net.parameters();
    for (const ParameterInfo& info : network.parameters) {
      if (info.layer >= network.cut) continue;
      text(info.name.view());
      for (const int extent : info.parameter.dims) number(extent);
      bytes(std::as_bytes(parameters.subspan(info.offset, info.parameter.size())));
    }
    network_ = hash_.finish();
  }

  /// Of a data set whose images are decoded and prepared so, each with its transform; none where `transforms` is empty. FileError
  /// where an image cannot be read.
  [[nodiscard]] std::string of(const ImageDataset& images, Preparation prepare,
                               std::span<const TransformParameters> transforms = {}) {
    hash_ = Sha256();
    text(network_).text(images.decoded_by()).number(images.image_size().height).number(images.image_size().width);
    probe(prepare, {});
    probe(prepare, {20, 1.25, -0.75, 10, 0.9, 1.2, true, true, {0.1, 0.2, 0.3, 0.4}});
    for (const std::string& hash : images.hashes()) text(hash);
    for (const TransformParameters& t : transforms) transform(t);
    return hash_.finish();
  }

 private:
  /// To be raised where decoding, resizing, preparing or a kernel comes to give other bits within one version.
  static constexpr int revision = 1;

  FeatureKeys& bytes(std::span<const std::byte> bytes) {
    hash_.update(bytes);
    return *this;
  }
  template <class Number>
    requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>)
  FeatureKeys& number(Number n) {
    return bytes(std::as_bytes(std::span(&n, 1)));
  }
  FeatureKeys& text(std::string_view text) { return number(text.size()).bytes(std::as_bytes(std::span(text))); }
  FeatureKeys& dims(Dims d) { return number(d.height).number(d.width).number(d.channels); }
  FeatureKeys& window(const op::Window& w) {
    for (const int n : {w.height, w.width, w.stride, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right}) number(n);
    return *this;
  }
  void operation(const Description& network, const op::Operation& o) {
    text(network.layers[static_cast<std::size_t>(o.layer)].kind).number(o.kind).dims(o.in).dims(o.out);
    for (const int n : {o.layer, o.inputs[0], o.inputs[1], o.output, o.kernel, o.bias, o.first_parameter}) number(n);
    number(o.precision).number(o.scale).number(o.scale_in);
    window(o.window).window(o.pool).number(o.activation).number(o.rate).number(o.epsilon).number(o.statistics);
  }
  void transform(const TransformParameters& t) {
    for (const double x : {t.theta, t.tx, t.ty, t.shear, t.zx, t.zy}) number(x);
    for (const double x : t.own) number(x);
    number(t.flip_horizontal).number(t.flip_vertical);
  }
  void probe(Preparation prepare, const TransformParameters& t) {
    constexpr int side = 8;
    std::array<std::uint8_t, std::size_t{side} * side * 3> image{};
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * i * 37 + i * 11);
    if (prepare.map != nullptr) {
      const Affine map = prepare.map(t, side, side);
      for (const double x : {map.xx, map.xy, map.x0, map.yx, map.yy, map.y0}) number(x);
      return;
    }
    const auto keep = [&](auto prepared) {
      prepare(image.data(), side, side, t, prepared.data());
      bytes(std::as_bytes(std::span(prepared)));
    };
    if (prepare.bytes != nullptr) keep(std::array<std::uint8_t, image.size()>{});
    else keep(std::array<float, image.size()>{});
  }

  Sha256 hash_;
  std::string network_;
};

}  // namespace cxrnet
