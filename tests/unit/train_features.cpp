#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/feature_cache.hpp>
#include <cxrnet/train/features.hpp>

#include "data_fixtures.hpp"


using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class... Layers>
using Net = Seq<Input<5, 6, 3, Rescale<1, 255>>, Layers..., GAP, Dense<3, Softmax>>;
using Frozen = Net<Freeze<Conv2D<4, 3, Relu>>>;
using Open = Net<Conv2D<4, 3, Relu>>;

struct Images {
  TemporaryFolder folder;
  Images() {
    for (unsigned i = 0; i < 7; ++i) {
      folder.write((i < 3 ? "a/" : "b/") + std::to_string(i) + ".png", grey_png(6, 5, i));
    }
  }
  [[nodiscard]] ImageDataset set() const { return ImageDataset(list_image_folder(folder.path()), {.size = {5, 6}}); }
};

}  // namespace

TEMPLATE_TEST_CASE("Features and predictions of a data set are those of each image", "[train_features]", Frozen, Open) {
  const Images images;
  const ImageDataset set = images.set();
  const ClassifierOf<TestType, Reference<float>, ReferenceAugment> net(initial_parameters<TestType>(3), 3);
  const std::size_t width = net.description().features.size();
  const std::vector<float> features = features_of(net, set, {.threads = 2});
  const std::vector<float> probabilities = predict_all(net, set);
  REQUIRE(features.size() == 7 * width);
  REQUIRE(probabilities.size() == 7 * 3);
  std::vector<std::uint8_t> scratch;
  std::vector<float> image(set.image_bytes());
  for (std::size_t i = 0; i < 7; ++i) {
    net.prepare()(set.pixels(i, scratch), 5, 6, {}, image.data());
    std::vector<float> mine(width);
    net.features(image, mine, nullptr);
    CHECK(std::equal(mine.begin(), mine.end(), features.begin() + static_cast<std::ptrdiff_t>(i * width)));
    if (features_are_images(net.description())) CHECK(mine == image);
    std::vector<float> p(3);
    net.predict(mine, p);
    CHECK(std::equal(p.begin(), p.end(), probabilities.begin() + static_cast<std::ptrdiff_t>(i * 3)));
  }
}

TEST_CASE("Where nothing is before the cut the images are the features", "[train_features]") {
  const ClassifierOf<Open, Reference<float>> net(initial_parameters<Open>(3), 3);
  const std::vector<float> prepared(2 * 90, 0.5F);
  std::vector<float> features;
  CHECK(features_are_images(net.description()));
  CHECK_FALSE(features_are_images(description_of<Frozen>));
  CHECK(features_of_batch(net, prepared, features, nullptr).data() == prepared.data());
  CHECK(features.empty());
}

TEST_CASE("A stop ends the computing of features", "[train_features]") {
  const Images images;
  const ImageDataset set = images.set();
  const ClassifierOf<Frozen, Reference<float>> net(initial_parameters<Frozen>(3), 3);
  std::atomic<bool> stop{false};
  int batches = 0;
  CHECK_FALSE(for_each_features(net, set, {.stop = &stop}, [&](std::size_t first, std::span<const float>) {
    CHECK(first == 0);
    ++batches;
    stop = true;
  }));
  CHECK(batches == 1);
  const auto nothing = features_of(net, set, {.stop = &stop});
  CHECK(std::all_of(nothing.begin(), nothing.end(), [](float x) { return x == 0; }));
}

TEST_CASE("Predictions from kept features are the same to the bit, and a stop keeps none", "[train_features]") {
  const Images images;
  const ImageDataset set = images.set();
  const ClassifierOf<Frozen, Reference<float>> net(initial_parameters<Frozen>(3), 3);
  FeatureCache cache(images.folder.path() / "features");
  const std::atomic<bool> stop{true};
  CHECK(predict_all(net, set, {.stop = &stop, .cache = &cache}) == std::vector<float>(21));
  CHECK(cache.computed() == 0);
  const std::vector<float> plain = predict_all(net, set);
  for (const double computed : {7, 0}) {
    Profile profile;
    CHECK(predict_all(net, set, {.profile = &profile, .cache = &cache}) == plain);
    CHECK(profile.images == computed);
  }
  CHECK(features_of(net, set, {.cache = &cache}) == features_of(net, set));
  CHECK(cache.computed() == 1);
  CHECK(cache.found() == 2);
  Profile profile;  // more than may be held is computed batch by batch
  CHECK(predict_all(net, set, {.profile = &profile, .cache = &cache, .memory = 0}) == plain);
  CHECK(profile.images == 7);
  const ClassifierOf<Open, Reference<float>> open(initial_parameters<Open>(3), 3);
  static_cast<void>(predict_all(open, set, {.cache = &cache}));  // nothing is before its cut
  CHECK(cache.computed() == 1);
}

TEST_CASE("Targets of class folders are one-hot", "[train_features]") {
  const Images images;
  const ImageDataset set = images.set();
  const auto targets = targets_of(set, 3);
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(std::vector<float>(targets.begin() + static_cast<std::ptrdiff_t>(3 * i),
                             targets.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)) ==
          (i < 3 ? std::vector<float>{1, 0, 0} : std::vector<float>{0, 1, 0}));
  }
  CHECK(targets_of(set, 1) == std::vector<float>{0, 0, 0, 1, 1, 1, 1});
}
