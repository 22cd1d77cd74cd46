#include <cxrnet/augment/augment.hpp>
#include <cxrnet/augment/sample.hpp>
#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/data/resize.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/features.hpp>
#include <cxrnet/train/fit.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "device_failures.hpp"
#include "network.hpp"
#include "simulated_networks.hpp"

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

template <class Kernel>
void run(const Kernel& kernel) {
  for (std::int64_t i = 0; i < kernel.count(); ++i) kernel(i);
}

/// The largest difference of images that the device's kernel makes from what `sample` makes, of maps that are drawn, that
/// change nothing, and that lead far outside.
template <class T>
double sampling_error(int height, int width) {
  constexpr int n = 7;
  const cuda::Maps maps{n + 1, height, width, 3, sizeof(T) == 2 ? 8 : 3};
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(n * height * width * 3));
  RandomStream random(3, RandomUse::transform, 0, 0);
  for (std::uint8_t& byte : rgb) byte = static_cast<std::uint8_t>(random.uniform(0.0, 256.0));
  std::vector<Affine> affine;
  for (int i = 0; i < n - 3; ++i) {
    affine.push_back(prepare_map<ReferenceAugment>(ReferenceAugment::draw(random, {height, width}), height, width));
  }
  affine.push_back({});
  affine.push_back({3, 1, -40, -2, 2.5, 30});
  affine.push_back({std::numeric_limits<double>::quiet_NaN(), 0, 1e300, 0, -1e300, 0});
  const auto channels = channel_maps_of<ImageNetTorch, 3>;
  std::vector<T> y(static_cast<std::size_t>(maps.numbers()), cuda::number<T>(99.0F));
  const cuda::SampleImages<T> kernel{maps, n, {channels[0], channels[1], channels[2]}, affine.data(), rgb.data(), y.data()};
  run(kernel);
  const std::size_t pixels = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  std::vector<float> expected(pixels * 3);
  double worst = 0;
  for (std::size_t image = 0; image <= n; ++image) {
    if (image < n) sample({rgb.data() + image * pixels * 3, height, width}, affine[image], channels, expected.data());
    else std::ranges::fill(expected, 0.0F);
    for (std::size_t i = 0; i < pixels; ++i) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(maps.stride); ++c) {
        const float is = cuda::to_float(y[(image * pixels + i) * static_cast<std::size_t>(maps.stride) + c]);
        worst = std::max(worst, std::abs(static_cast<double>(is) - static_cast<double>(c < 3 ? expected[i * 3 + c] : 0.0F)));
      }
    }
  }
  return worst;
}

using Net = Seq<Input<12, 10, 3, ImageNetTorch>, Freeze<Conv2D<8, 3, Same, Relu>>, Conv2D<6, 3, Relu>, GAP, Dense<2, Softmax>>;

/// Calls `act(run, hook)` in each hook.
struct InEachHook : Callback {
  using Act = std::function<void(TrainingRun&, std::string_view)>;
  Act act;
  explicit InEachHook(Act what) : act(std::move(what)) {}
  void epoch_begin(TrainingRun& run) override { act(run, "epoch_begin"); }
  void batch_begin(TrainingRun& run) override { act(run, "batch_begin"); }
  void batch_end(TrainingRun& run) override { act(run, "batch_end"); }
  void epoch_end(TrainingRun& run, const EpochRecord&) override { act(run, "epoch_end"); }
  void resumable(TrainingRun& run) override { act(run, "resumable"); }
};

/// How many steps a training makes, and what it says, before it meets an image that cannot be read.
template <class Backend>
std::pair<int, std::string> steps_before_failing(const ImageDataset& set) {
  ClassifierOf<Net, Backend, ReferenceAugment> net(initial_parameters<Net>(4), 1, 1);
  std::pair<int, std::string> result{0, ""};
  Callbacks callbacks;
  callbacks.add(InEachHook([&](TrainingRun&, std::string_view hook) { result.first += hook == "batch_end" ? 1 : 0; }));
  result.second = message_of<ImageError>([&] { fit(net, set, nullptr, {.epochs = 1, .batch = 1, .seed = 8}, std::move(callbacks)); });
  return result;
}

/// All that a fit leaves: parameters and the optimiser's state.
std::vector<float> fitted(const ImageDataset& set, const FitOptions& options, InEachHook::Act act = [](TrainingRun&, std::string_view) {}) {
  ClassifierOf<Net, Simulated<Half>, ReferenceAugment> net(initial_parameters<Net>(4), 3, 1);
  Callbacks callbacks;
  callbacks.add(InEachHook(std::move(act)));
  fit(net, set, &set, options, std::move(callbacks));
  std::vector<float> all(net.parameters().begin(), net.parameters().end());
  all.insert(all.end(), net.optimizer_state().begin(), net.optimizer_state().end());
  return all;
}

/// Images of several sizes, some with rows that lie further apart.
struct OwnSizes {
  std::vector<Image> images;
  std::vector<std::uint8_t> bytes;  // of all, as they lie on a device
  std::vector<std::int64_t> picks;
  explicit OwnSizes(ImageSize to) {
    RandomStream random(5, RandomUse::transform, 0, 0);
    for (const auto& [height, width, beyond] : {std::array{64, 1024, 0}, {7, 5, 9}, {33, 47, 0}, {1, 1, 2}, {2, 300, 0},
                                                {to.height, to.width, 0}}) {
      const auto row = static_cast<std::size_t>(width) * 3, pitch = row + static_cast<std::size_t>(beyond);
      Image image{height, width, std::vector<std::uint8_t>(static_cast<std::size_t>(height) * row)};
      for (std::uint8_t& byte : image.rgb) byte = static_cast<std::uint8_t>(random.uniform(0.0, 256.0));
      cuda::add_picks(picks, {height, width}, static_cast<std::int64_t>(bytes.size()), static_cast<std::int64_t>(pitch), to);
      for (std::size_t at = 0; at < image.rgb.size(); at += row) {
        const auto from = image.rgb.begin() + static_cast<std::ptrdiff_t>(at);
        bytes.insert(bytes.end(), from, from + static_cast<std::ptrdiff_t>(row));
        bytes.resize(bytes.size() + pitch - row);
      }
      images.push_back(std::move(image));
    }
  }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(bytes.size()); }
};

/// The losses of two epochs of augmented images, and the probabilities of the images as they are.
template <class Backend>
std::vector<double> augmented_training(const ImageDataset& set) {
  ClassifierOf<Net, Backend, ReferenceAugment> net(initial_parameters<Net>(4), 3, 1);
  CHECK((net.prepare_augmented().map != nullptr) == samples_images<Net, Backend>);
  CHECK(net.stages() == samples_images<Net, Backend>);
  const FitResult result = fit(net, set, nullptr, {.epochs = 2, .batch = 3, .seed = 8});
  std::vector<double> numbers;
  for (const auto& epoch : result.history.epochs) numbers.push_back(epoch.loss);
  for (const float p : predict_all(net, set)) numbers.push_back(static_cast<double>(p));
  return numbers;
}

}  // namespace

TEST_CASE("the device samples decoded images as the CPU does", "[cuda]") {
  for (const auto& [height, width] : {std::pair{13, 150}, {70, 9}, {2, 3}, {1, 5}, {4, 1}, {1, 1}}) {
    INFO(height << " x " << width);
    CHECK(sampling_error<float>(height, width) < 1e-5);
    CHECK(sampling_error<cuda::Float16>(height, width) < 2e-3);
    CHECK(sampling_error<cuda::BFloat16>(height, width) < 1.6e-2);
  }
}

TEST_CASE("the device resizes images of their own sizes as it samples them, to the same bits", "[cuda]") {
  for (const auto& [height, width] : {std::pair{224, 224}, {13, 70}, {1, 1}}) {
    INFO(height << " x " << width);
    const OwnSizes own({height, width});
    const int n = static_cast<int>(own.images.size());
    const cuda::Maps maps{n, height, width, 3, 3};
    const auto c = channel_maps_of<ImageNetTorch, 3>;
    std::vector<std::uint8_t> resized;
    std::vector<Affine> affine;
    std::vector<float> expected(static_cast<std::size_t>(maps.numbers()));
    RandomStream random(3, RandomUse::transform, 0, 0);
    for (const Image& image : own.images) {
      const Image small = resize_nearest(image, height, width);
      affine.push_back(prepare_map<ReferenceAugment>(ReferenceAugment::draw(random, {height, width}), height, width));
      sample({small.rgb.data(), height, width}, affine.back(), c, expected.data() + resized.size());
      resized.insert(resized.end(), small.rgb.begin(), small.rgb.end());
    }
    std::vector<float> at_once(expected.size()), after(expected.size());
    run(cuda::SampleImages<float>{maps, n, {c[0], c[1], c[2]}, affine.data(), own.bytes.data(), at_once.data(),
                                  own.picks.data(), own.size()});
    run(cuda::SampleImages<float>{maps, n, {c[0], c[1], c[2]}, affine.data(), resized.data(), after.data()});
    CHECK(at_once == after);
    CHECK(relative_error(at_once, expected) < 1e-5);

    // As bytes and without a map: the resize alone.
    const auto given = channel_maps_of<AsGiven, 3>;
    std::vector<std::uint8_t> bytes(resized.size());
    run(cuda::SampleImages<std::uint8_t>{maps, n, {given[0], given[1], given[2]}, nullptr, own.bytes.data(), bytes.data(),
                                         own.picks.data(), own.size()});
    CHECK(bytes == resized);
  }
}

TEST_CASE("training on images that the device augments has the CPU's losses", "[cuda]") {
  const TemporaryFolder folder;
  unsigned seed = 0;
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/3.png"}) folder.write(name, grey_png(20, 16, ++seed));
  const ImageDataset set(list_image_folder(folder.path()), {.size = {12, 10}});
  const SimulatedDevice device;
  const auto expected = augmented_training<Reference<float>>(set);
  CHECK(relative_error(augmented_training<Simulated<Float>>(set), expected) < 1e-4);
  CHECK(relative_error(augmented_training<Simulated<Half>>(set), expected) < 2e-2);
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

TEST_CASE("features come batch after batch while the next one is on its way", "[cuda]") {
  SimulatedDevice device;
  constexpr std::size_t pixels = 12 * 10 * 3, features = Traits<Net>::features.size(), most = 3;
  std::vector<std::uint8_t> bytes(7 * pixels);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 % 251);
  std::vector<Affine> maps(7);
  for (std::size_t i = 0; i < maps.size(); ++i) maps[i] = {1 - 0.1 * static_cast<double>(i), 0, 1, 0, 1, 0};
  const auto batch = [&](std::size_t first, std::size_t n) {
    return PreparedImages(std::span<const std::uint8_t>(bytes).subspan(first * pixels, n * pixels), std::span<const Affine>(maps).subspan(first, n));
  };
  const ClassifierOf<Net, Reference<float>> cpu(initial_parameters<Net>(4), most);
  CHECK(cpu.features_ahead() == nullptr);
  const ClassifierOf<Net, Simulated<Float>> net(initial_parameters<Net>(4), most);
  std::vector<float> expected(7 * features), taken(7 * features);
  net.features(batch(0, 7), expected, nullptr);  // in parts
  const auto ahead = net.features_ahead();
  const auto changes = bytes;
  ahead->give(batch(0, 3));
  ahead->give(batch(3, 1));
  std::ranges::fill(bytes, std::uint8_t{77});  // may change by now
  CHECK(has(message_of<ArgumentError>([&] { ahead->give(batch(4, 3)); }), "take the first"));
  CHECK(has(message_of<ArgumentError>([&] { ahead->take(std::span(taken).first(3 * features - 1)); }), "room for all"));
  ahead->take(std::span(taken).first(3 * features));
  bytes = changes;
  ahead->give(batch(4, 3));
  std::ranges::fill(bytes, std::uint8_t{77});
  ahead->take(std::span(taken).subspan(3 * features, features));
  ahead->take(std::span(taken).subspan(4 * features));
  CHECK(taken == expected);
  CHECK(has(message_of<ArgumentError>([&] { ahead->take(taken); }), "a batch that was given"));
  std::vector<float> here(14), there(14);
  const std::size_t live = device.live();
  ahead->predict(taken, there);
  CHECK(device.live() == live);  // in the memory that it has
  net.predict(taken, here);
  CHECK(here == there);
  CHECK(device.hazards == std::vector<std::string>{});
}

TEST_CASE("bytes are predicted as the floats that they are", "[cuda]") {
  SimulatedDevice device;
  std::vector<std::uint8_t> bytes(7 * 12 * 10 * 3);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 % 251);
  const std::vector<float> floats(bytes.begin(), bytes.end());
  const auto run = [&] {
    const Model<Net, Simulated<Float>> model(initial_parameters<Net>(4), 3);
    std::vector<float> of_bytes(14), of_floats(14);
    model.predict(std::span<const std::uint8_t>(bytes), of_bytes);
    model.predict(std::span<const float>(floats), of_floats);
    CHECK(relative_error(of_bytes, of_floats) < 1e-6);
    return device.calls;
  };
  check_every_failure(device, run);
}

TEST_CASE("an image that cannot be read ends a training on the device where it ends the CPU's", "[cuda]") {
  const TemporaryFolder folder;
  unsigned seed = 0;
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png", "b/3.png"}) folder.write(name, grey_png(20, 16, ++seed));
  auto cut = grey_png(20, 16, 9);
  cut.resize(cut.size() / 2);
  folder.write("a/3.png", cut);
  const ImageDataset set(list_image_folder(folder.path()), {.size = {12, 10}});
  const SimulatedDevice device;
  const auto expected = steps_before_failing<Reference<float>>(set);
  CHECK(expected.first > 0);
  CHECK(has(expected.second, "3.png"));
  CHECK(steps_before_failing<Simulated<Float>>(set) == expected);
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

TEST_CASE("a fit that brings images ahead can be resumed anywhere, changed from any hook, and is the one that does not", "[cuda]") {
  const TemporaryFolder folder;
  unsigned seed = 0;
  for (const char* name : {"a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png", "b/3.png", "b/4.png"}) folder.write(name, grey_png(20, 16, ++seed));
  const ImageDataset set(list_image_folder(folder.path()), {.size = {12, 10}});
  const SimulatedDevice device;
  const FitOptions options{.epochs = 3, .batch = 2, .seed = 8, .class_weights = {3e4F, 1.0F}};  // gradients that a half does not hold
  std::vector<TrainingState> states;
  const auto whole = fitted(set, options, [&](TrainingRun& run, std::string_view hook) {
    if (hook == "resumable") states.push_back(run.snapshot());
  });
  CHECK(whole[whole.size() - 2] < 32768);
  CHECK(states.size() == 15);
  for (const TrainingState& state : states) {
    FitOptions rest = options;
    rest.resume = &state;
    CHECK(fitted(set, rest) == whole);
  }
  FitOptions watched = options;
  Profile profile;
  watched.profile = &profile;  // its features come to the host
  CHECK(fitted(set, watched) == whole);
  const auto change = [&] {
    return [k = 0](TrainingRun& run, std::string_view) mutable {
      Classifier& net = run.classifier();
      ++k;
      if (k % 3 == 0) net.set_learning_rate(1e-3 * (1 + k % 5));
      if (k % 7 == 2) net.release_workspace();
      if (k % 4 != 1) return;
      std::vector<float> parameters(net.parameters().begin(), net.parameters().end());
      for (float& p : parameters) p *= 0.9F;
      net.set_parameters(parameters);
    };
  };
  const auto changed = fitted(set, options, change());
  CHECK(changed != whole);
  CHECK(fitted(set, watched, change()) == changed);
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}
