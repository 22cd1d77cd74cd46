#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/feature_cache.hpp>
#include <cxrnet/train/fit.hpp>
#include <cxrnet/train/view_bank.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "quoted.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <span>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Net = Seq<Input<2, 2, 3, Rescale<1, 255>>, Freeze<Conv2D<4, 1>>, GAP, Dense<2, Softmax>>;
static_assert(Traits<Net>::features.size() == 4);

struct Setting {
  TemporaryFolder folder;
  std::optional<ImageDataset> images;
  ClassifierOf<Net, Reference<float>, ReferenceAugment> net{initial_parameters<Net>(3), 2};
  Schedule schedule = Schedule::counter(1, draws_of<ReferenceAugment>, {2, 2});

  Setting() {
    for (unsigned i = 0; i < 3; ++i) folder.write((i < 1 ? "a/" : "b/") + std::to_string(i) + ".png", grey_png(2, 2, i));
    images.emplace(list_image_folder(folder.path()), DatasetOptions{.size = {2, 2}});
  }
};

/// Image i's features in an epoch: 10 epoch + i.
std::vector<float> rows(int epoch, std::span<const std::uint32_t> indices) {
  std::vector<float> features;
  for (const std::uint32_t i : indices) features.insert(features.end(), 4, static_cast<float>(10 * epoch) + static_cast<float>(i));
  return features;
}

void fill(ViewBank& bank, int epoch) {
  bank.add(std::array{2U, 0U}, rows(epoch, std::array{2U, 0U}));
  bank.add(std::array{1U}, rows(epoch, std::array{1U}));
}

bool has(std::span<const float> found, int epoch) { return std::ranges::equal(found, rows(epoch, std::array{0U, 1U, 2U})); }

// example-begin
/// Epochs that have been computed before, in this run or another, are taken from the folder.
FitResult train_again(Classifier& net, const ImageDataset& images, const ImageDataset& validation,
                      const std::filesystem::path& folder, std::ostream& out) {
  FeatureCache cache(folder, {.computation = "oneDNN 2.6, 2 threads", .budget = std::uint64_t{1} << 30});
  const FitOptions options{.epochs = 6, .batch = 2, .views = 3, .cache = &cache};
  FitResult result = fit(net, images, &validation, options);
  out << cache.found() << " sets of features were known, " << cache.computed() << " had to be computed.\n";
  return result;
}
// example-end

constexpr std::size_t one = 3 * 4 * sizeof(float);

}  // namespace

TEST_CASE("A bank keeps the views of whole epochs, by image", "[train_view_bank]") {
  Setting s;
  const FitOptions options{.batch = 2, .feature_memory = 3 * one, .views = 2};
  ViewBank bank(s.net, *s.images, s.schedule, options);
  CHECK(bank.find(0).empty());
  fill(bank, 0);
  CHECK(bank.find(1).empty());
  bank.add(std::array{2U, 0U}, rows(1, std::array{2U, 0U}));  // ends within the epoch
  CHECK(has(bank.find(2), 0));
  CHECK(bank.find(3).empty());
  fill(bank, 3);
  CHECK(has(bank.find(5), 3));
  CHECK(has(bank.find(4), 0));
}

TEST_CASE("A bank holds its memory, and none of epochs that do not come again", "[train_view_bank]") {
  Setting s;
  for (const FitOptions& options : {FitOptions{.batch = 2, .feature_memory = 2 * one, .views = 2},
                                    FitOptions{.batch = 2, .feature_memory = one, .views = 2},
                                    FitOptions{.batch = 2, .feature_memory = 0, .views = 2},
                                    FitOptions{.batch = 2, .views = 0}}) {
    ViewBank bank(s.net, *s.images, s.schedule, options);
    for (int epoch = 0; epoch < 2; ++epoch) {
      CHECK(bank.find(static_cast<std::uint32_t>(epoch)).empty());
      fill(bank, epoch);
    }
    CHECK(bank.find(2).empty() == (options.views == 0 || options.feature_memory < 2 * one));
    CHECK(bank.find(3).empty());
  }
}

TEST_CASE("What one bank has put into the cache another finds", "[train_view_bank]") {
  Setting s;
  FeatureCache cache(s.folder.path() / "features");
  for (const std::size_t memory : {one, 3 * one}) {
    const FitOptions options{.batch = 2, .feature_memory = memory, .cache = &cache};
    ViewBank bank(s.net, *s.images, s.schedule, options);
    if (memory == one) {
      for (const std::uint32_t epoch : {0U, 1U}) {
        CHECK(bank.find(epoch).empty());
        fill(bank, static_cast<int>(epoch));
      }
    }
    CHECK(has(bank.find(0), 0));
    CHECK(has(bank.find(1), 1));
  }
  CHECK(cache.computed() == 2);
  // Others draw other transforms, or may hold nothing.
  const FitOptions options{.batch = 2, .cache = &cache};
  const Schedule other = Schedule::counter(2, draws_of<ReferenceAugment>, {2, 2});
  CHECK(ViewBank(s.net, *s.images, other, options).find(0).empty());
  const FitOptions none{.batch = 2, .feature_memory = one - 1, .cache = &cache};
  CHECK(ViewBank(s.net, *s.images, s.schedule, none).find(0).empty());
}

TEST_CASE("The page on training quotes this test", "[train_view_bank]") {
  CHECK(doc_quotes("training.md", "train_view_bank.cpp"));
  Setting s;
  std::ostringstream said;
  const FitResult first = train_again(s.net, *s.images, *s.images, s.folder.path() / "features", said);
  CHECK(first.steps == 12);
  CHECK(said.str() == "0 sets of features were known, 4 had to be computed.\n");
  said.str({});
  static_cast<void>(train_again(s.net, *s.images, *s.images, s.folder.path() / "features", said));
  CHECK(said.str() == "4 sets of features were known, 0 had to be computed.\n");
}
