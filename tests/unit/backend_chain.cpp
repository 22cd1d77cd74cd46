#include <cxrnet/backend/cpu/chain.hpp>
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/reference/kernels.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/models/vgg16.hpp>

#include "catch.hpp"
#include "network.hpp"
#include "simd_targets.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using namespace cxrnet;
using cpu::ChainConvolution;
using cpu::FirstConvolution;
using cpu::FirstShape;
using cpu::Winograd;
using cpu::WinogradShape;
using test::as;
using test::random_values;

namespace {

struct Map {
  int height, width, channels;
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width * channels); }
};

/// Convolutions with their parameters: of an image where the first map has 3 channels, else all by Winograd.
class Links {
 public:
  Links(const std::vector<Map>& maps, SimdTarget target, int threads) : maps_(maps) {
    for (std::size_t i = 0; i + 1 < maps.size(); ++i) {
      const Map& in = maps[i];
      const Map& out = maps[i + 1];
      const auto seed = static_cast<std::uint32_t>(2 * i);
      kernels_.push_back(random_values<float>(static_cast<std::size_t>(9 * in.channels * out.channels), seed));
      biases_.push_back(random_values<float>(static_cast<std::size_t>(out.channels), seed + 1));
      if (in.channels == 3) {
        convolutions_.emplace_back(FirstConvolution({in.height, in.width, 3, out.channels, true}, target, threads));
        continue;
      }
      const WinogradShape shape{in.height, in.width, in.channels, out.channels, true, out.height < in.height};
      const Winograd convolution(shape, target, {cpu::WinogradPlan::Order::tiles, 28}, threads);
      std::vector<float> packed(shape.weights());
      convolution.pack(kernels_.back().data(), packed.data());
      kernels_.back() = packed;
      convolutions_.emplace_back(convolution);
    }
  }

  [[nodiscard]] std::vector<cpu::ChainLink> links() const {
    std::vector<cpu::ChainLink> list;
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
      list.push_back({&convolutions_[i], kernels_[i].data(), biases_[i].data()});
    }
    return list;
  }
  [[nodiscard]] std::vector<cpu::ChainStage> stages() const {
    std::vector<cpu::ChainStage> list;
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
      const std::size_t scratch = std::visit([](const auto& c) { return c.row_scratch_bytes(); }, convolutions_[i]);
      list.push_back({maps_[i].width, maps_[i + 1].channels, 1, scratch});
    }
    return list;
  }
  [[nodiscard]] std::vector<float> one_after_the_other(int n, std::vector<float> x) const {
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
      std::vector<float> y(maps_[i + 1].size() * static_cast<std::size_t>(n));
      std::visit([&](const auto& c) {
        const AlignedBytes scratch(c.scratch_bytes());
        c.run(n, x.data(), kernels_[i].data(), biases_[i].data(), y.data(), scratch.data());
      }, convolutions_[i]);
      x = y;
    }
    return x;
  }

 private:
  std::vector<Map> maps_;
  std::vector<ChainConvolution> convolutions_;
  std::vector<std::vector<float>> kernels_, biases_;
};

}  // namespace

TEST_CASE("A chain gives the bits that one convolution after the other gives, whatever its parts", "[backend]") {
  const std::vector<std::vector<Map>> cases = {
      {{32, 28, 3}, {32, 28, 32}, {16, 14, 16}},
      {{21, 13, 3}, {21, 13, 32}, {21, 13, 48}},
      {{30, 130, 16}, {30, 130, 32}, {15, 65, 32}},
      {{40, 12, 3}, {40, 12, 32}, {40, 12, 16}, {40, 12, 48}, {20, 6, 32}},
      {{3, 5, 16}, {3, 5, 16}, {3, 5, 16}},
      {{17, 9, 32}, {17, 9, 16}, {17, 9, 32}, {8, 4, 16}}};
  constexpr int n = 3;
  for (const SimdTarget target : simd_targets()) {
    for (const std::vector<Map>& maps : cases) {
      const int threads = 2;
      const Links links(maps, target, threads);
      const Map& in = maps.front();
      const Map& out = maps.back();
      const auto x = random_values<float>(in.size() * n, 99);
      const auto expected = links.one_after_the_other(n, x);
      const cpu::Chain chain(links.stages(), in.height, threads);
      const AlignedBytes scratch(chain.scratch_bytes());
      for (const int parts : {1, 2, 3}) {
        if (parts > (in.height + 3) / 4) continue;
        INFO(name_of(target) << " case " << &maps - cases.data() << " parts " << parts);
        std::vector<float> y(out.size() * n, -1.0F);
        std::vector<double> seconds(maps.size() - 1);
        chain.run(n, parts, links.links(), {x.data(), in.size(), in.height, y.data(), out.size(), out.height}, scratch.data(), seconds);
        CHECK(y == expected);
        CHECK(std::ranges::all_of(seconds, [](double s) { return s > 0; }));
      }
    }
  }
}

TEST_CASE("An image's convolution is the definition's, in each instruction set", "[backend]") {
  for (const SimdTarget target : simd_targets()) {
    for (const int in : {1, 3, 4}) {
      const FirstShape s{9, 19, in, 64, in != 4};
      const auto x = random_values<float>(static_cast<std::size_t>(2 * s.height * s.width * in), 1);
      const auto g = random_values<float>(static_cast<std::size_t>(9 * in * s.out), 2);
      const auto b = random_values<float>(static_cast<std::size_t>(s.out), 3);
      const FirstConvolution convolution(s, target, 2);
      const AlignedBytes scratch(convolution.scratch_bytes());
      std::vector<float> y(static_cast<std::size_t>(2 * s.height * s.width * s.out));
      convolution.run(2, x.data(), g.data(), b.data(), y.data(), scratch.data());
      const Dims from = image_dims(s.height, s.width, in), to = image_dims(s.height, s.width, s.out);
      std::vector<double> sums(2 * to.size());
      reference::convolution<double>({3, 3, 1, 1, 1, 1, 1}, from, to, 2, as<double>(x).data(), as<double>(g).data(), sums.data());
      double worst = 0;
      for (std::size_t at = 0; at < sums.size(); ++at) {
        const auto out = static_cast<std::size_t>(s.out), area = to.size() / out;
        const std::size_t k = at % out, pixel = at / out % area, image = at / to.size();
        double sum = sums[at] + static_cast<double>(b[k]);
        if (s.relu) sum = std::max(sum, 0.0);
        worst = std::max(worst, std::abs(sum - static_cast<double>(y[((image * out + k) / 16 * area + pixel) * 16 + k % 16])));
      }
      INFO(name_of(target) << ", channels " << in);
      CHECK(worst < 3e-6);
    }
  }
}

TEST_CASE("A chain is cut where threads would wait, and given up where a cut would cost more", "[backend]") {
  const std::vector<cpu::ChainStage> even{{28, 64, 1, 64}, {28, 64, 1, 64}};
  CHECK(cpu::Chain(even, 224, 2).parts(4) == 1);
  CHECK(cpu::Chain(even, 224, 2).parts(1) == 2);
  CHECK(cpu::Chain(even, 224, 4).parts(2) == 2);
  CHECK_FALSE(cpu::Chain(even, 16, 8).parts(1).has_value());
  const std::vector<cpu::ChainStage> cheap{{28, 64, 0.1, 64}, {28, 64, 1, 64}};
  CHECK(cpu::Chain(cheap, 224, 8).parts(4) == 2);
}

using Backbone = Seq<VGG16Backbone<Frozen>>;
constexpr auto& operations = Model<Backbone, Cpu>::Lowering::backbone.operations;

TEST_CASE("VGG16's first two blocks run tile by tile, unless somebody looks", "[backend_cpu]") {
  std::vector<bool> chained;
  for (const auto& o : operations) chained.push_back(o.chained);
  CHECK(chained == std::vector<bool>{true, false, true, false, false, false, false, false, false, false, false, false, false});
  const Model<Backbone, Cpu> net(2, 1);
  const auto x = random_values<float>(2 * Traits<Backbone>::input.size(), 5);
  std::vector<float> images(x.size());
  std::ranges::transform(x, images.begin(), [](float v) { return std::floor((v + 1) * 127); });
  std::vector<float> features(2 * Traits<Backbone>::output.size());
  net.features(std::span<const float>(images), features);
  std::vector<float> last;
  std::size_t shown = 0;
  net.observe(std::span<const float>(images), [&](const op::Operation&, int, std::span<const float> value) {
    last.assign(value.begin(), value.end());
    ++shown;
  });
  CHECK(shown == operations.size());
  CHECK(last == features);
}
