#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/data/loader.hpp>

#include "data_fixtures.hpp"
#include "shared.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <optional>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// Eleven small images in two classes.
class Small {
 public:
  explicit Small(std::size_t memory = std::size_t{1} << 20) {
    for (unsigned i = 0; i < 11; ++i) {
      folder_.write((i < 5 ? "a/" : "b/") + std::to_string(10 + i) + ".png", grey_png(20, 16, i));
    }
    dataset_.emplace(list_image_folder(folder_.path()), DatasetOptions{.size = {12, 10}, .memory = memory});
  }
  [[nodiscard]] const ImageDataset& dataset() const { return *dataset_; }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  std::optional<ImageDataset> dataset_;
};

constexpr PrepareFunction augmented = &prepare<ReferenceAugment, Rescale<1, 255>>;

Schedule shuffled(std::uint64_t seed = 4) { return Schedule::counter(seed, draws_of<ReferenceAugment>, {12, 10}); }

struct Delivered {
  std::vector<std::size_t> sizes;
  std::vector<std::uint32_t> indices;
  std::vector<int> labels;
  std::vector<float> images;
  friend bool operator==(const Delivered&, const Delivered&) = default;
};

/// One epoch, up to its end.
Delivered epoch(Loader& loader) {
  Delivered result;
  while (const Batch* batch = loader.next()) {
    result.sizes.push_back(batch->size());
    result.indices.insert(result.indices.end(), batch->indices.begin(), batch->indices.end());
    result.labels.insert(result.labels.end(), batch->labels.begin(), batch->labels.end());
    result.images.insert(result.images.end(), batch->images.begin(), batch->images.end());
  }
  return result;
}

}  // namespace

TEST_CASE("a loader delivers what its schedule says, whatever the threads", "[loader]") {
  const Small small;
  const auto& dataset = small.dataset();
  std::vector<Delivered> expected(3);
  for (std::uint32_t e = 0; e < 3; ++e) {
    std::vector<ScheduledSample> plan;
    shuffled().plan(e, dataset.size(), 4, plan);
    expected[e].sizes = {4, 4, 3};
    std::vector<std::uint8_t> scratch;
    std::vector<float> image(dataset.image_bytes());
    for (const auto& sample : plan) {
      augmented(dataset.pixels(sample.index, scratch), 12, 10, sample.transform, image.data());
      expected[e].indices.push_back(sample.index);
      expected[e].labels.push_back(dataset.label(sample.index));
      expected[e].images.insert(expected[e].images.end(), image.begin(), image.end());
    }
  }
  CHECK_FALSE(expected[0].indices == expected[1].indices);
  for (const std::size_t memory : {std::size_t{0}, std::size_t{1} << 20}) {
    for (const unsigned threads : {1U, 2U, 7U}) {
      for (const std::size_t ahead : {std::size_t{1}, std::size_t{2}, std::size_t{9}}) {
        const Small fresh(memory);
        Loader loader(fresh.dataset(), shuffled(), augmented, {.batch = 4, .threads = threads, .ahead = ahead});
        REQUIRE(loader.batches_per_epoch() == 3);
        for (const auto& wanted : expected) REQUIRE(epoch(loader) == wanted);
      }
    }
  }
  SECTION("from a later epoch on, as after a resume, and no further than asked for") {
    Loader loader(dataset, shuffled(), augmented, {.batch = 4, .threads = 2, .first_epoch = 1, .epochs = 2});
    const Batch* first = loader.next();
    REQUIRE(first != nullptr);
    CHECK(first->epoch == 1);
    CHECK(first->first == 0);
    CHECK(std::vector<std::uint32_t>(first->indices.begin(), first->indices.end()) ==
          std::vector<std::uint32_t>(expected[1].indices.begin(), expected[1].indices.begin() + 4));
    CHECK(loader.next()->first == 4);
    CHECK(loader.next()->first == 8);
    CHECK(loader.next() == nullptr);
    CHECK(epoch(loader) == expected[2]);
    CHECK(loader.next() == nullptr);
    CHECK(loader.next() == nullptr);
  }
}

TEST_CASE("later epochs decode nothing that the data set keeps", "[loader]") {
  for (const std::size_t memory : {std::size_t{1} << 20, std::size_t{11} * 12 * 10 * 3, std::size_t{10} * 12 * 10 * 3}) {
    const Small small(memory);
    Loader loader(small.dataset(), shuffled(), augmented, {.batch = 4, .threads = 2, .epochs = 3});
    const Delivered first = epoch(loader);
    for (const auto& item : small.dataset().items()) std::filesystem::remove(item.file);  // whoever decodes now fails
    if (memory < std::size_t{11} * 12 * 10 * 3) {
      const auto rest = [&] { return epoch(loader).sizes.size() + epoch(loader).sizes.size(); };
      CHECK_THROWS_AS(rest(), Error);
      continue;
    }
    CHECK_FALSE(first == epoch(loader));
    CHECK(epoch(loader).sizes.size() == 3);
  }
}

TEST_CASE("a loader begins with any batch of an epoch as if it had delivered those before", "[loader]") {
  const Small small;
  const std::vector<int> labels{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  for (const auto& schedule : {shuffled(), Schedule::balanced(4, draws_of<ReferenceAugment>, {12, 10}, labels),
                               Schedule::keras(4, draws_of<ReferenceAugment>, {12, 10})}) {
    Loader whole(small.dataset(), schedule, augmented, {.batch = 3, .threads = 2, .epochs = 3});
    REQUIRE(whole.batches_per_epoch() == 4);
    (void)epoch(whole);
    const Delivered second = epoch(whole);
    const Delivered third = epoch(whole);
    for (std::size_t skipped = 0; skipped < 4; ++skipped) {
      Loader rest(small.dataset(), schedule, augmented,
                  {.batch = 3, .threads = 3, .first_epoch = 1, .first_batch = skipped, .epochs = 2});
      const Delivered got = epoch(rest);
      CHECK(got.sizes.size() == 4 - skipped);
      CHECK(got.indices == std::vector<std::uint32_t>(second.indices.begin() + static_cast<std::ptrdiff_t>(3 * skipped),
                                                      second.indices.end()));
      CHECK(std::equal(got.images.rbegin(), got.images.rend(), second.images.rbegin()));
      CHECK(epoch(rest) == third);
      CHECK(rest.next() == nullptr);
    }
  }
  CHECK(has(message_of<ArgumentError>([&] {
                   const Loader none(small.dataset(), shuffled(), augmented, {.batch = 3, .first_batch = 4});
                 }),
                 "has 4 batches"));
}

TEST_CASE("a batch larger than the set is the whole set", "[loader]") {
  const Small small;
  Loader loader(small.dataset(), Schedule::sequential(), &prepare<NoAugment, AsGiven>, {.batch = 1000, .ahead = 3});
  for (int round = 0; round < 3; ++round) {
    const auto delivered = epoch(loader);
    CHECK(delivered.sizes == std::vector<std::size_t>{11});
    CHECK(delivered.indices == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(delivered.labels == std::vector<int>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1});
  }
}

TEST_CASE("a batch stays as it is until the next is asked for", "[loader]") {
  const Small small;
  Loader loader(small.dataset(), shuffled(), augmented, {.batch = 2, .threads = 4, .ahead = 1});
  for (int step = 0; step < 20; ++step) {
    const Batch* batch = loader.next();
    if (batch == nullptr) continue;
    const std::vector<float> before(batch->images.begin(), batch->images.end());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    REQUIRE(std::equal(before.begin(), before.end(), batch->images.begin()));
  }
}

TEST_CASE("a bad image stops the loader at its batch, by name, each time it is asked", "[loader]") {
  const Small small(0);
  small.folder().write("b/17.png", bytes_of("not an image"));
  small.folder().write("b/18.png", {});
  Loader loader(small.dataset(), Schedule::sequential(), &prepare<NoAugment, AsGiven>, {.batch = 3, .threads = 4});
  REQUIRE(loader.next() != nullptr);
  REQUIRE(loader.next() != nullptr);
  for (int again = 0; again < 3; ++again) {
    CHECK(has(message_of<ImageError>([&] { (void)loader.next(); }), "17.png is text"));
  }
}

TEST_CASE("a schedule that cannot go on stops the loader there", "[loader]") {
  const Small small;
  const auto late = Schedule::keras((1ULL << 32U) - 6, draws_of<NoAugment>, {12, 10});
  Loader loader(small.dataset(), late, augmented, {.batch = 4, .threads = 3, .ahead = 5});
  CHECK(epoch(loader).sizes.size() == 3);
  CHECK(epoch(loader).sizes.size() == 3);
  CHECK_THROWS_AS(loader.next(), ArgumentError);
  CHECK_THROWS_AS(loader.next(), ArgumentError);
}

TEST_CASE("a loader can be left at any time", "[loader]") {
  const Small small(0);
  for (int steps = 0; steps < 12; ++steps) {
    for (const unsigned threads : {1U, 3U}) {
      Loader loader(small.dataset(), shuffled(), augmented, {.batch = 3, .threads = threads, .ahead = 2});
      for (int step = 0; step < steps; ++step) (void)loader.next();
    }
  }
  CHECK_THROWS_AS(Loader(small.dataset(), shuffled(), augmented, {.batch = 0}), ArgumentError);
  CHECK_THROWS_AS(Loader(small.dataset(), shuffled(), augmented, {.ahead = 0}), ArgumentError);
}

TEST_CASE("mean and standard deviation of the golden batches", "[loader][golden]") {
  const auto shared = shared_or_skip("golden/batches");
  if (!shared) return;
  std::ifstream in(*shared / "golden/batches/seed7.json");
  const auto golden = nlohmann::json::parse(in);
  const ImageDataset dataset(list_image_folder(*shared / "cxr/train"));
  Loader loader(dataset, Schedule::keras(7, draws_of<ReferenceAugment>, {224, 224}), augmented, {.batch = 32});
  double worst = 0.0;
  for (const auto& wanted_epoch : golden["epochs"]) {
    for (const auto& wanted : wanted_epoch) {
      const Batch* batch = loader.next();
      REQUIRE(batch != nullptr);
      REQUIRE(batch->size() == wanted["files"].size());
      for (std::size_t i = 0; i < batch->size(); ++i) {
        REQUIRE(dataset.name(batch->indices[i]) == wanted["files"][i]);
        REQUIRE(batch->labels[i] == wanted["labels"][i]);
      }
      double sum = 0.0;
      double squares = 0.0;
      for (const float value : batch->images) {
        sum += static_cast<double>(value);
        squares += static_cast<double>(value) * static_cast<double>(value);
      }
      const auto count = static_cast<double>(batch->images.size());
      const double mean = sum / count;
      const double deviation = std::sqrt(squares / count - mean * mean);
      worst = std::max({worst, std::abs(mean - static_cast<double>(wanted["mean"])),
                        std::abs(deviation - static_cast<double>(wanted["std"]))});
    }
    CHECK(loader.next() == nullptr);
  }
  INFO("worst difference " << worst);
  CHECK(worst < 2e-3);
}
