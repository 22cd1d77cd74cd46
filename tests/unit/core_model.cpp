#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/xtensor.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"

#include <thread>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xview.hpp>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Preprocess = AsGiven>
using NetOf = Seq<Input<6, 5, 3, Preprocess>, Freeze<Conv2D<4, 3, Relu>>, GAP, Dense<3, Softmax>>;
using Net = NetOf<>;
using M = Model<Net, Reference<float>>;

std::vector<float> predict(const M& model, std::span<const float> images) {
  std::vector<float> y(images.size() / 90 * 3);
  model.predict(images, std::span(y));
  return y;
}

}  // namespace

TEST_CASE("Batches larger than the capacity run in parts", "[core_model]") {
  const auto images = random_values<float>(11 * 90, 1);
  const auto whole = predict(M(11, 5), images);
  CHECK(predict(M(1, 5), images) == whole);
  CHECK(predict(M(4, 5), images) == whole);
  CHECK(predict(M(32, 5), images) == whole);
  for (std::size_t i = 0; i < 11; ++i) CHECK(whole[3 * i] + whole[3 * i + 1] + whole[3 * i + 2] == Approx(1));
}

TEST_CASE("Predictions are those of the features", "[core_model]") {
  const M model(4, 5);
  const auto images = random_values<float>(9 * 90, 1);
  std::vector<float> features(9 * 4);
  std::vector<float> prepared(9 * 4);
  std::vector<float> probabilities(9 * 3);
  model.features(std::span<const float>(images), features);
  model.features_of_prepared(images, prepared);
  model.predict_features(features, probabilities);
  CHECK(features == prepared);
  CHECK(probabilities == predict(model, images));
}

TEST_CASE("Preprocessing is the network's", "[core_model]") {
  auto images = random_values<float>(2 * 90, 1, 0, 255);
  const auto parameters = initial_parameters<Net>(3);
  std::vector<float> plain(2 * 4);
  std::vector<float> mapped(2 * 4);
  Model<NetOf<ImageNetCaffe>, Reference<float>>(parameters, 2).features(std::span<const float>(images), mapped);
  for (std::size_t i = 0; i < images.size(); i += 3) {
    std::swap(images[i], images[i + 2]);
    images[i] -= 103.939F;
    images[i + 1] -= 116.779F;
    images[i + 2] -= 123.68F;
  }
  M(parameters, 2).features(std::span<const float>(images), plain);
  CHECK(mapped == plain);
  // Bytes and floats alike.
  std::vector<std::uint8_t> bytes(90);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(37 * i);
  const std::vector<float> floats(bytes.begin(), bytes.end());
  const Model<NetOf<Rescale<1, 255>>, Reference<float>> rescaled(parameters, 2);
  std::vector<float> a(4);
  std::vector<float> b(4);
  rescaled.features(std::span<const std::uint8_t>(bytes), a);
  rescaled.features(std::span<const float>(floats), b);
  CHECK(a == b);
}

TEST_CASE("Wrong sizes are refused", "[core_model]") {
  const M model(2, 1);
  const std::vector<float> images(90);
  std::vector<float> y(3);
  CHECK(has(message_of<ArgumentError>([&] { predict(model, std::span(images).first(89)); }),
            "holds 89 elements, not a multiple of the 90 that one has"));
  CHECK(has(message_of<ArgumentError>([&] { model.predict(std::span<const float>(images), std::span(y).first(2)); }),
            "predict writes n x classes probabilities"));
  CHECK(has(message_of<ArgumentError>([&] { model.features(std::span<const float>(images), y); }), "n x features"));
  CHECK(message_of<ArgumentError>([] { M(0); }) == "A model's capacity is at least 1 image.");
  CHECK(has(message_of<ArgumentError>([] { M(std::vector<float>(3), 1); }), "were given"));
  // No image at all is no error, and gives nothing.
  CHECK_NOTHROW(model.predict(std::span<const float>(), std::span<float>()));
}

TEST_CASE("xtensor's tensors, views and expressions predict alike", "[core_model]") {
  const M model(4, 1);
  xt::xtensor<float, 4> images = xt::random::rand<float>({7, 6, 5, 3}, 0, 255);
  const xt::xtensor<float, 2> all = model.predict(images);
  REQUIRE(all.shape(0) == 7);
  REQUIRE(all.shape(1) == 3);
  const auto spans = predict(model, std::span<const float>(images.data(), images.size()));
  CHECK(std::equal(all.begin(), all.end(), spans.begin()));

  // Strided: every second image, mirrored, out of a larger tensor.
  xt::xtensor<float, 4> large = xt::zeros<float>({14, 8, 10, 3});
  auto view = xt::view(large, xt::range(0, 14, 2), xt::range(1, 7), xt::range(9, xt::placeholders::_, -2), xt::all());
  view = images;
  CHECK((model.predict(view) == all));
  const xt::xtensor<float, 4, xt::layout_type::column_major> columns = images;
  CHECK((model.predict(columns) == all));
  CHECK((model.predict(xt::xarray<double>(images)) == all));
  CHECK((model.predict(images * 2.0F / 2.0F) == all));
  const std::vector<float> raw(images.begin(), images.end());
  CHECK((model.predict(xt::adapt(raw, std::vector<std::size_t>{7, 6, 5, 3})) == all));

  const xt::xtensor<std::uint8_t, 4> bytes = xt::cast<std::uint8_t>(images);
  const xt::xtensor<int, 4> ints = xt::cast<int>(bytes);
  CHECK((model.predict(bytes) == model.predict(ints)));
  CHECK(model.features(bytes).shape(1) == 4);
  CHECK(model.predict(xt::xtensor<float, 4>::from_shape({0, 6, 5, 3})).shape(0) == 0);
}

TEST_CASE("A tensor of another shape is refused, and the message says both", "[core_model]") {
  const M model(4, 1);
  CHECK(message_of<ArgumentError>([&] { (void)model.predict(xt::xtensor<float, 4>(xt::zeros<float>({1, 6, 6, 3}))); }) ==
        "The network takes images of n x 6 x 5 x 3, the tensor is 1 x 6 x 6 x 3.");
  CHECK(message_of<ArgumentError>([&] { (void)model.predict(xt::xarray<float>(xt::zeros<float>({6, 5, 3}))); }) ==
        "The network takes images of n x 6 x 5 x 3, the tensor is 6 x 5 x 3.");
}

TEST_CASE("predict is safe from several threads at once", "[core_model]") {
  const M model(3, 1);
  const auto images = random_values<float>(8 * 90, 1);
  const auto expected = predict(model, images);
  std::array<std::vector<float>, 8> results;
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) result = predict(model, images);
      });
    }
  }
  for (const auto& result : results) CHECK(result == expected);
}

TEST_CASE("A profile is filled for the call it was given to, and for no other", "[core_model]") {
  const M model(3, 1);
  const auto images = random_values<float>(8 * 90, 1);
  std::vector<float> features(8 * 4);
  Profile profile;
  model.features_of_prepared(images, features, &profile);
  CHECK(profile.seconds.size() == Rewrite<Net, Reference<float>, Mode::inference>::backbone.size());
  CHECK(profile.images == 8);
  model.features_of_prepared(images, features);
  CHECK(profile.images == 8);
}
