#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/feature_cache.hpp>
#include <cxrnet/train/feature_keys.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

using namespace cxrnet;
using namespace cxrnet::test;

namespace fs = std::filesystem;

namespace {

/// A cache in a folder of its own, and what it said.
struct Kept {
  TemporaryFolder folder;
  std::vector<std::string> said;
  FeatureCache cache;
  explicit Kept(std::uint64_t budget = 1 << 20)
      : cache(folder.path() / "features", {.budget = budget, .warn = [this](const std::string& s) { said.push_back(s); }}) {}
  [[nodiscard]] fs::path file(const std::string& key) const {
    return folder.path() / "features" / ("features-" + key + ".safetensors");
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder.path() / "features"), {}));
  }
};

const std::vector<float> six{1, 2, 3, -4, 5.5F, std::numeric_limits<float>::infinity()};

std::vector<std::byte> contents(const fs::path& file) {
  const InputFile input(file);
  std::vector<std::byte> bytes(input.size());
  input.read(0, bytes);
  return bytes;
}

void write(const fs::path& file, std::span<const std::byte> bytes) {
  fs::remove_all(file);
  write_atomically(file, bytes);
}

template <class Preprocess, class Conv>
using NetOf = Seq<Input<5, 6, 3, Preprocess>, Freeze<Conv>, GAP, Dense<3, Softmax>>;
using Net = NetOf<Rescale<1, 255>, Conv2D<4, 3, Relu>>;

class OtherDecoder final : public ImageDecoder {
 public:
  void decode(std::span<const std::byte> bytes, const fs::path& name, ImageSize size, std::uint8_t* rgb) const override {
    decode_resized(bytes, name, size.height, size.width, rgb);
  }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "other 1";
};

}  // namespace

TEST_CASE("Features come back bit for bit under their key alone", "[train_feature_cache]") {
  const Kept kept;
  CHECK_FALSE(kept.cache.find("a", 2, 3));
  kept.cache.store("a", 2, 3, six);
  CHECK(kept.cache.find("a", 2, 3) == six);
  CHECK(FeatureCache(kept.folder.path() / "features").find("a", 2, 3) == six);
  CHECK_FALSE(kept.cache.find("b", 2, 3));
  CHECK(kept.cache.found() == 1);
  CHECK(kept.cache.computed() == 1);
  CHECK(kept.said.empty());
  CHECK(is_sealed_safetensors(kept.file("a")));
}

TEST_CASE("A damaged file is said in one line and never used", "[train_feature_cache]") {
  Kept kept;
  kept.cache.store("a", 2, 3, six);
  const fs::path file = kept.file("a");
  const std::vector<std::byte> sound = contents(file);
  const auto refused = [&](const char* what) {
    INFO(what);
    kept.said.clear();
    CHECK_FALSE(kept.cache.find("a", 2, 3));
    REQUIRE(kept.said.size() == 1);
    CHECK(has(kept.said[0], "Features are computed again, for '" + file.string() + "' is damaged: "));
    CHECK_FALSE(has(kept.said[0], "\n"));
  };
  for (std::size_t i = 0; i < sound.size(); ++i) {
    std::vector<std::byte> flipped = sound;
    flipped[i] ^= std::byte{1};
    write(file, flipped);
    refused("a flipped bit");
    write(file, std::span(sound).first(i));
    refused("cut short");
  }
  std::vector<std::byte> longer = sound;
  longer.resize(longer.size() + 4096);
  write(file, longer);
  refused("too long");
  kept.cache.store("b", 2, 3, six);
  write(file, contents(kept.file("b")));
  refused("another key's");
  write(file, sealed_safetensors_bytes({{{"features", {3, 2}, six}}, {{"key", "a"}}}));
  refused("other dims");
  write(file, sealed_safetensors_bytes({{{"features", {2, 3}, six}, {"more", {1}, {1}}}, {{"key", "a"}}}));
  refused("another tensor");
  write(file, safetensors_bytes({{{"features", {2, 3}, six}}, {{"key", "a"}}}));
  refused("no seal");
  fs::remove(file);
  fs::create_directory(file);
  refused("a folder");
  fs::remove(file);
  kept.cache.store("a", 2, 3, six);
  CHECK(kept.cache.find("a", 2, 3) == six);
}

TEST_CASE("Beyond the budget the longest unused files go", "[train_feature_cache]") {
  Kept sizes;
  sizes.cache.store("k00", 2, 3, six);
  const auto each = fs::file_size(sizes.file("k00"));
  Kept kept(5000);  // a header's room and a little
  const auto hold = 5000 / each;
  const auto aged = [&](const std::string& key, int hours) {
    fs::last_write_time(kept.file(key), fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (std::uintmax_t i = 0; i < hold; ++i) {
    kept.cache.store("k" + std::to_string(10 + i), 2, 3, six);
    aged("k" + std::to_string(10 + i), 10);
  }
  CHECK(kept.files() == hold);
  aged("k10", 20);
  aged("k11", 15);
  CHECK(kept.cache.find("k10", 2, 3));  // is now the one used last
  kept.cache.store("new", 2, 3, six);
  CHECK(kept.files() == hold);
  CHECK_FALSE(fs::exists(kept.file("k11")));
  CHECK(fs::exists(kept.file("k10")));
  CHECK(fs::exists(kept.file("new")));
  CHECK(kept.said.empty());
  kept.cache.store("large", 1000, 3, std::vector<float>(3000));
  REQUIRE(kept.said.size() == 1);
  CHECK(has(kept.said[0], "features of 1000 images are not kept, for 12000 bytes do not fit into the 5000"));
  CHECK_FALSE(fs::exists(kept.file("large")));
}

TEST_CASE("What cannot be written is said and changes nothing else", "[train_feature_cache]") {
  Kept kept;
  fs::remove_all(kept.folder.path() / "features");
  kept.cache.store("a", 2, 3, six);
  REQUIRE(kept.said.size() == 1);
  CHECK(has(kept.said[0], "Features are not kept: cannot write"));
  CHECK_FALSE(kept.cache.find("a", 2, 3));
  kept.folder.write("file", {});
  CHECK_THROWS_AS(FeatureCache(kept.folder.path() / "file"), FileError);
}

TEST_CASE("Writers and readers of one folder do each other no harm", "[train_feature_cache]") {
  Kept kept(5000);  // so that files are removed all the time
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads(4);
    for (unsigned t = 0; t < threads.size(); ++t) {
      threads[t] = std::jthread([&, t] {
        std::vector<std::string> said;
        const FeatureCache mine(kept.folder.path() / "features",
                                {.budget = 5000, .warn = [&](const std::string& s) { said.push_back(s); }});
        for (unsigned i = 0; i < 40; ++i) {
          const std::string key = std::to_string((i + t) % 25);
          const std::vector<float> values(6, static_cast<float>((i + t) % 25));
          const auto found = mine.find(key, 2, 3);
          if (found && *found != values) ++wrong;
          mine.store(key, 2, 3, values);
        }
        if (!said.empty()) ++wrong;
      });
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Keys follow all that features depend on, and nothing else", "[train_feature_cache]") {
  const Kept kept;
  const TemporaryFolder folder;
  folder.write("a/x.png", grey_png(6, 5, 1));
  folder.write("b/y.png", grey_png(6, 5, 9));
  const ImageDataset set(list_image_folder(folder.path()), {.size = {5, 6}});
  const std::vector<float> weights = initial_parameters<Net>(3);
  const auto key_of = [&](const Classifier& net, const ImageDataset& of, std::span<const TransformParameters> t = {}) {
    return FeatureKeys(net, kept.cache).of(of, net.prepare_augmented(), t);
  };
  const ClassifierOf<Net, Reference<float>> net(weights, 4);
  const std::string key = key_of(net, set);
  CHECK(key.size() == 64);
  CHECK(key_of(net, set) == key);

  std::vector<float> head = weights;
  head.back() += 1;
  CHECK(key_of(ClassifierOf<Net, Reference<float>>(head, 4), set) == key);
  const TemporaryFolder renamed;
  renamed.write("p/0.png", grey_png(6, 5, 1));
  renamed.write("q/1.png", grey_png(6, 5, 9));
  CHECK(key_of(net, ImageDataset(list_image_folder(renamed.path()), {.size = {5, 6}})) == key);

  std::set<std::string> keys{key};
  const auto another = [&](const std::string& now) { CHECK(keys.insert(now).second); };
  std::vector<float> backbone = weights;
  backbone[0] = std::nextafter(backbone[0], 1.0F);
  another(key_of(ClassifierOf<Net, Reference<float>>(backbone, 4), set));
  const OtherDecoder decoder;
  another(key_of(net, ImageDataset(list_image_folder(folder.path()), {.size = {5, 6}, .decoder = &decoder})));
  another(key_of(ClassifierOf<Net, Reference<float>>(weights, 5), set));
  another(key_of(ClassifierOf<Net, OneDnn>(weights, 4), set));
  another(key_of(ClassifierOf<NetOf<ImageNetCaffe, Conv2D<4, 3, Relu>>, Reference<float>>(weights, 4), set));
  another(key_of(ClassifierOf<NetOf<Rescale<1, 127>, Conv2D<4, 3, Relu>>, Reference<float>>(weights, 4), set));
  another(key_of(ClassifierOf<NetOf<Rescale<1, 255>, Conv2D<4, 3>>, Reference<float>>(weights, 4), set));
  another(key_of(ClassifierOf<Net, Reference<float>, Augment<Rotate<15>, Shift<0.1, 0.1>>>(weights, 4), set));
  another(key_of(ClassifierOf<Net, Reference<float>, Augment<Shift<0.1, 0.1>, Rotate<15>>>(weights, 4), set));
  std::vector<TransformParameters> transforms(2);
  transforms[1].theta = 3;
  another(key_of(net, set, transforms));
  std::swap(transforms[0], transforms[1]);
  another(key_of(net, set, transforms));
  another(key_of(net, ImageDataset(list_image_folder(folder.path()), {.size = {6, 5}})));
  const FeatureCache elsewhere(kept.folder.path() / "features", {.computation = "another processor"});
  another(FeatureKeys(net, elsewhere).of(set, net.prepare_augmented()));
  folder.write("a/x.png", grey_png(6, 5, 2));
  CHECK(key_of(net, set) == key);  // the set knows what it has read
  another(key_of(net, ImageDataset(list_image_folder(folder.path()), {.size = {5, 6}})));
  folder.write("a/x.png", grey_png(6, 5, 9));
  folder.write("b/y.png", grey_png(6, 5, 1));
  another(key_of(net, ImageDataset(list_image_folder(folder.path()), {.size = {5, 6}})));
}
