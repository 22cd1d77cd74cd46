#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"
#include "quoted.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// example-begin
/// x * scale + shift, a factor and a summand for each channel.
struct ChannelAffine : CustomLayer<ChannelAffine> {
  static constexpr std::string_view kind = "channel_affine";
  using expects = AnyShape;
  static constexpr bool accepts(Dims in) { return in.rank > 0; }
  static constexpr Dims output(Dims in) { return in; }
  static constexpr auto parameters(Dims in) {
    return std::array{Parameter{"scale", 1, {in.channels, 1, 1, 1}, Init::ones},
                      Parameter{"shift", 1, {in.channels, 1, 1, 1}, Init::zeros}};
  }

  template <class T>
  static void forward(Dims in, int n, const T* x, const T* const* parameters, T* y) {
    const auto channels = static_cast<std::size_t>(in.channels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) {
      y[i] = x[i] * parameters[0][i % channels] + parameters[1][i % channels];
    }
  }

  template <class T>
  static void backward(Dims in, int n, const T* x, const T* /*y*/, const T* dy, const T* const* parameters, T* dx,
                       T* const* gradients) {
    const auto channels = static_cast<std::size_t>(in.channels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) {
      const std::size_t c = i % channels;
      if (gradients != nullptr) {
        gradients[0][c] += dy[i] * x[i];
        gradients[1][c] += dy[i];
      }
      if (dx != nullptr) dx[i] = dy[i] * parameters[0][c];
    }
  }
};
// example-end

/// x * sigmoid(x): no parameters, and a shape of its own demand.
struct Swish : CustomLayer<Swish> {
  static constexpr std::string_view kind = "swish";
  using expects = AnyVector;
  static constexpr bool accepts(Dims in) { return in.is_vector(); }
  static constexpr Dims output(Dims in) { return in; }
  template <class T>
  static void forward(Dims in, int n, const T* x, const T* const*, T* y) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size(); ++i) y[i] = x[i] / (1 + std::exp(-x[i]));
  }
  template <class T>
  static void backward(Dims in, int n, const T* x, const T* y, const T* dy, const T* const*, T* dx, T* const*) {
    for (std::size_t i = 0; dx != nullptr && i < static_cast<std::size_t>(n) * in.size(); ++i) {
      const T sigmoid = 1 / (1 + std::exp(-x[i]));
      dx[i] = dy[i] * (y[i] + sigmoid * (1 - y[i]));
    }
  }
};

/// A layer that changes the shape: the sum of neighbouring pairs of a vector.
struct PairSum : CustomLayer<PairSum> {
  static constexpr std::string_view kind = "pair_sum";
  using expects = AnyVector;
  static constexpr bool accepts(Dims in) { return in.is_vector() && in.channels % 2 == 0; }
  static constexpr Dims output(Dims in) { return vector_dims(in.channels / 2); }
  template <class T>
  static void forward(Dims in, int n, const T* x, const T* const*, T* y) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) * in.size() / 2; ++i) y[i] = x[2 * i] + x[2 * i + 1];
  }
  template <class T>
  static void backward(Dims in, int n, const T*, const T*, const T* dy, const T* const*, T* dx, T* const*) {
    for (std::size_t i = 0; dx != nullptr && i < static_cast<std::size_t>(n) * in.size(); ++i) dx[i] = dy[i / 2];
  }
};

/// A layer that is written in operations that backends have: a convolution without bias.
template <int Filters>
struct Pointwise {
  static constexpr std::string_view kind = "pointwise";
  using expects = AnyImage;
  static constexpr bool accepts(Dims in) { return in.is_image(); }
  static constexpr Dims output(Dims in) { return image_dims(in.height, in.width, Filters); }
  static constexpr auto parameters(Dims in) { return std::array{convolution_kernel(1, 1, in.channels, Filters)}; }
  static constexpr void lower(op::Builder& builder) {
    builder.emit({.kind = op::Kind::convolution,
                  .out = output(builder.dims()),
                  .window = {.height = 1, .width = 1},
                  .kernel = builder.parameter(0)});
    builder.activate(op::Activation::relu);
  }
};

/// A layer that stands for others.
struct Block {
  using expansion = Seq<Pointwise<6>, ChannelAffine, Residual<Pointwise<6>>>;
};

static_assert(LayerContract<ChannelAffine> && LayerContract<Swish> && LayerContract<Pointwise<3>>);
using Net = Seq<Input<6, 5, 3>, Block, Named<"norm", ChannelAffine>, GAP, Dense<8>, Swish, PairSum, Dense<2, Softmax>>;
static_assert(Traits<Net>::trainable_count == 18 + 12 + 36 + 12 + 6 * 8 + 8 + 4 * 2 + 2);

}  // namespace

TEST_CASE("A user's layers meet central differences", "[layers_custom]") {
  CHECK(gradient_error<Seq<Input<3, 4, 2>, Probe, ChannelAffine>>() < 2e-8);
  CHECK(gradient_error<Seq<Input<1, 1, 6>, Flatten, Probe, Swish>>() < 2e-8);
  CHECK(gradient_error<Seq<Input<1, 1, 6>, Flatten, Probe, PairSum>>() < 2e-8);
  CHECK(gradient_error<Net>() < 2e-8);
  CHECK(gradient_error<Seq<Input<3, 4, 2>, Probe, Freeze<ChannelAffine>, GAP, Dense<2>>>() < 2e-8);
}

TEST_CASE("A user's layers are named, counted and started as others", "[layers_custom]") {
  CHECK(Traits<Net>::parameters[1].name.view() == "channel_affine.scale");
  CHECK(Traits<Net>::parameters[4].name.view() == "norm.scale");
  const auto values = initial_parameters<Net>(1);
  CHECK(values[18] == 1);
  CHECK(values[18 + 6] == 0);
}

TEST_CASE("A user's layers run on oneDNN", "[layers_custom]") {
  const auto parameters = random_values<float>(Traits<Net>::parameter_count, 1);
  const auto images = random_values<float>(5 * Traits<Net>::input.size(), 2);
  std::vector<float> fast(5 * 2);
  std::vector<float> slow(5 * 2);
  Model<Net, OneDnn>(parameters, 4).predict(std::span<const float>(images), fast);
  Model<Net, Reference<double>>(as<double>(parameters), 4).predict(std::span<const float>(images), slow);
  CHECK(relative_error(fast, slow) < 2e-6);
}

TEST_CASE("A user's layers train on oneDNN", "[layers_custom]") {
  using Tail = Seq<Input<6, 5, 3>, Freeze<Block>, ChannelAffine, Flatten, Dense<8>, Swish, PairSum, Dense<2, Softmax>>;
  static_assert(Traits<Tail>::cut == 6);
  const auto parameters = random_values<float>(Traits<Tail>::parameter_count, 1);
  const auto features = random_values<float>(4 * Traits<Tail>::features.size(), 2);
  const std::array labels{0, 1, 1, 0};
  Model<Tail, OneDnn> model(parameters, 4);
  Model<Tail, Reference<double>> truth(as<double>(parameters), 4);
  Trainer<Tail, OneDnn> trainer(model);
  Trainer<Tail, Reference<double>> slow(truth);
  const double before = trainer.gradients_of(features, labels).loss_sum;
  slow.gradients_of(features, labels);
  CHECK(relative_error(trainer.gradients(), slow.gradients()) < 1e-5);
  for (int i = 0; i < 50; ++i) trainer.step(features, labels);
  CHECK(trainer.gradients_of(features, labels).loss_sum < before);
}

TEST_CASE("docs/layers.md quotes this file", "[layers_custom]") { CHECK(doc_quotes("layers.md", "layers_custom.cpp")); }
