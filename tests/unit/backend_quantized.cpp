#include <cxrnet/backend/cpu/quantized_winograd.hpp>
#include <cxrnet/core/aligned.hpp>

#include "catch.hpp"
#include "simd_targets.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

using namespace cxrnet;

namespace {

op::Operation convolution(Dims in, int out, int kernel, int pad, bool pool) {
  op::Operation o{.kind = op::Kind::convolution, .in = in};
  o.window = {kernel, kernel, 1, pad, pad, pad, pad};
  o.activation = op::Activation::relu;
  o.precision = op::Precision::int8;
  o.scale_in = in.channels <= 4 ? -1 : 0;
  o.scale = 1;
  const int height = in.height + 2 * pad - kernel + 1, width = in.width + 2 * pad - kernel + 1;
  o.out = pool ? image_dims(height / 2, width / 2, out) : image_dims(height, width, out);
  if (pool) o.pool = {.height = 2, .width = 2, .stride = 2};
  return o;
}

std::vector<float> numbers(std::size_t count, float from, float to, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(from, to);
  std::vector<float> values(count);
  for (float& value : values) value = draw(random);
  return values;
}

std::size_t at(const cpu::ByteMap& map, int image, int y, int x, int c) {
  return static_cast<std::size_t>(image * map.size() + c / map.block() * map.plane() + (y + 1) * map.row() +
                                  (x + 1) * map.block() + c % map.block());
}

/// One result by plain loops; zeros around.
std::uint8_t plain(const op::Operation& o, const op::QuantizedConvolution& q, const std::vector<std::uint8_t>& image, int n,
                   int row, int column, int k) {
  const Dims results = op::before_pool(o);
  const int place = (row == 0 ? 0 : row == results.height - 1 ? 2 : 1) * 3 + (column == 0 ? 0 : column == results.width - 1 ? 2 : 1);
  std::int32_t sum = q.bias[static_cast<std::size_t>(place * o.out.channels + k)];
  for (int y = 0; y < o.window.height; ++y) {
    for (int x = 0; x < o.window.width; ++x) {
      const int from_y = row + y - o.window.pad_top, from_x = column + x - o.window.pad_left;
      if (from_y < 0 || from_x < 0 || from_y >= o.in.height || from_x >= o.in.width) continue;
      for (int c = 0; c < o.in.channels; ++c) {
        const auto pixel = static_cast<std::size_t>(((n * o.in.height + from_y) * o.in.width + from_x) * o.in.channels + c);
        const auto weight = static_cast<std::size_t>(((y * o.window.width + x) * o.in.channels + c) * o.out.channels + k);
        sum += image[pixel] * q.kernel[weight];
      }
    }
  }
  return op::requantized(sum, q.multiplier[static_cast<std::size_t>(k)]);
}

}  // namespace

TEST_CASE("Convolutions on bytes give what plain loops give on every instruction set", "[backend_quantized]") {
  const std::vector<ChannelMap> preprocessing{{2, 1, -103.9F}, {1, 1, -116.8F}, {0, 1, -123.7F}};
  for (const SimdTarget target : simd_targets()) {
    if (target == SimdTarget::avx512 && !has_byte_products()) continue;
    for (const int in : {3, 16, 48}) {
      for (const int out : {16, 80}) {
        for (const auto& [kernel, pad] : {std::pair{1, 0}, std::pair{3, 0}, std::pair{3, 1}}) {
          for (const bool pool : {false, true}) {
            for (const auto& [height, width] : {std::pair{4, 7}, std::pair{17, 31}}) {
              const op::Operation o = convolution(image_dims(height, width, in), out, kernel, pad, pool);
              if (o.out.height < 1 || o.out.width < 1) continue;
              REQUIRE(cpu::has_byte_convolution(o));
              const auto taps = static_cast<std::size_t>(kernel * kernel);
              const auto channels = static_cast<std::size_t>(in), filters = static_cast<std::size_t>(out);
              const bool image = in <= 4;
              const auto q = op::quantize(o, numbers(taps * channels * filters, -1, 1, 1), numbers(filters, -1, 1, 2),
                                          numbers(image ? 0 : channels, 0.001F, 0.02F, 3),
                                          numbers(filters, image ? 5.0F : 0.05F, image ? 20.0F : 0.2F, 4), preprocessing);
              const cpu::ByteShape shape = cpu::byte_shape(o);
              const cpu::ByteConvolution run(shape, target, 2);
              constexpr int n = 2;
              std::vector<std::uint8_t> pixels(n * o.in.size());
              std::mt19937 random(5);
              for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
              std::vector<std::uint8_t> x(static_cast<std::size_t>(n * shape.from.size()));
              if (image) {
                cpu::bytes_from_image(shape.from, n, pixels.data(), x.data(), 1);
              } else {
                for (std::size_t i = 0; i < pixels.size(); ++i) {
                  const int c = static_cast<int>(i) % in, column = static_cast<int>(i) / in % width;
                  const int row = static_cast<int>(i) / in / width % height;
                  x[at(shape.from, static_cast<int>(i / o.in.size()), row, column, c)] = pixels[i];
                }
              }
              std::vector<std::byte> packed(run.packed_bytes());
              run.pack(q, packed.data());
              std::vector<std::uint8_t> y(static_cast<std::size_t>(n * shape.to.size()), 77);
              run.run(n, x.data(), packed.data(), y.data());
              std::size_t wrong = 0;
              for (int i = 0; i < n; ++i) {
                for (int row = -1; row <= o.out.height; ++row) {
                  for (int column = -1; column <= o.out.width; ++column) {
                    const bool inside = row >= 0 && column >= 0 && row < o.out.height && column < o.out.width;
                    for (int k = 0; k < out; ++k) {
                      std::uint8_t expected = 0;
                      for (int part = 0; inside && part < (pool ? 4 : 1); ++part) {
                        const int step = pool ? 2 : 1;
                        expected = std::max(expected, plain(o, q, pixels, i, row * step + part / 2, column * step + part % 2, k));
                      }
                      wrong += y[at(shape.to, i, row, column, k)] != expected ? 1 : 0;
                    }
                  }
                }
              }
              CAPTURE(name_of(target), in, out, kernel, pad, pool, height, width);
              CHECK(wrong == 0);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("A kernel in int8 is its floats to half a step, and zeros around an image stand for prepared zeros",
          "[backend_quantized]") {
  const op::Operation o = convolution(image_dims(6, 6, 3), 16, 3, 1, false);
  const auto kernel = numbers(9 * 3 * 16, -1, 1, 7);
  const auto bias = numbers(16, -1, 1, 8);
  const std::vector<float> scale(16, 4.0F);
  const std::vector<ChannelMap> caffe{{2, 1, -103.939F}, {1, 1, -116.779F}, {0, 1, -123.68F}};
  const auto q = op::quantize(o, kernel, bias, {}, scale, caffe);
  for (std::size_t k = 0; k < 16; ++k) {
    const double step = static_cast<double>(q.multiplier[k]) * scale[k];
    int most = 0;
    for (std::size_t i = 0; i < 9 * 3; ++i) {
      const std::size_t tap = i / 3, channel = i % 3;
      const auto raw = static_cast<std::size_t>(caffe[channel].source);
      const int whole = q.kernel[(tap * 3 + raw) * 16 + k];
      CHECK(std::abs(whole * step - kernel[(tap * 3 + channel) * 16 + k]) < 0.51 * step);
      most = std::max(most, std::abs(whole));
    }
    CHECK(most == 127);
    // The first result's bias: what the shifts of the four taps inside add.
    double sum = bias[k];
    for (const std::size_t tap : {4U, 5U, 7U, 8U}) {
      for (std::size_t c = 0; c < 3; ++c) sum += static_cast<double>(kernel[(tap * 3 + c) * 16 + k]) * caffe[c].shift;
    }
    CHECK(q.bias[k] * step == Approx(sum).margin(0.51 * step));
  }
}

TEST_CASE("Sums become bytes with halves to even, nothing below 0 and nothing above 255", "[backend_quantized]") {
  CHECK(op::requantized(5, 0.5F) == 2);
  CHECK(op::requantized(7, 0.5F) == 4);
  CHECK(op::requantized(-9, 1.0F) == 0);
  CHECK(op::requantized(1 << 30, 1.0F) == 255);
}

TEST_CASE("Winograd on bytes gives the direct convolution's bytes on every instruction set", "[backend_quantized]") {
  struct Case {
    int height, width, in, out, batch;
    bool pool;
  };
  // A batch of 1 goes through points, others through tiles; 13 and 31 leave tiles that end outside the map.
  const Case cases[] = {{28, 28, 64, 128, 1, false}, {28, 28, 64, 128, 5, true}, {13, 31, 32, 48, 3, false},
                        {17, 30, 48, 16, 2, true},   {4, 4, 16, 80, 1, true},    {56, 60, 16, 32, 4, false}};
  for (const SimdTarget target : simd_targets()) {
    if (target == SimdTarget::avx512 && !has_byte_products()) continue;
    for (const Case& c : cases) {
      const op::Operation o = convolution(image_dims(c.height, c.width, c.in), c.out, 3, 1, c.pool);
      const auto in = static_cast<std::size_t>(c.in), out = static_cast<std::size_t>(c.out);
      const auto q = op::quantize(o, numbers(9 * in * out, -1, 1, 1), numbers(out, -9, 9, 2), numbers(in, 0.01F, 0.02F, 3),
                                  numbers(out, 0.05F, 0.2F, 4), {});
      const cpu::ByteShape shape = cpu::byte_shape(o);
      const cpu::ByteConvolution direct(shape, target, 2);
      const cpu::ByteWinograd winograd(shape, target, c.batch, 2);
      REQUIRE(winograd.fits(q));
      std::vector<std::uint8_t> x(static_cast<std::size_t>(c.batch * shape.from.size()));
      std::mt19937 random(5);
      for (int i = 0; i < c.batch; ++i) {
        for (int row = 0; row < c.height; ++row) {
          for (int column = 0; column < c.width; ++column) {
            for (int k = 0; k < c.in; ++k) x[at(shape.from, i, row, column, k)] = static_cast<std::uint8_t>(random());
          }
        }
      }
      const AlignedBytes direct_packed(direct.packed_bytes()), packed(winograd.packed_bytes()), scratch(winograd.scratch_bytes());
      direct.pack(q, direct_packed.data());
      winograd.pack(q, packed.data());
      std::vector<std::uint8_t> expected(static_cast<std::size_t>(c.batch * shape.to.size()), 77), y = expected;
      direct.run(c.batch, x.data(), direct_packed.data(), expected.data());
      winograd.run(c.batch, x.data(), packed.data(), y.data(), scratch.data());
      CAPTURE(name_of(target), c.height, c.width, c.in, c.out, c.batch, c.pool);
      CHECK(std::ranges::count_if(expected, [](std::uint8_t byte) { return byte != 0 && byte != 255; }) > 100);
      CHECK(y == expected);
    }
  }
}

TEST_CASE("Winograd on bytes refuses weights whose sums could be too large for it, and only those", "[backend_quantized]") {
  const op::Operation o = convolution(image_dims(28, 28, 256), 128, 3, 1, false);
  REQUIRE(cpu::has_byte_winograd(o));
  const cpu::ByteWinograd winograd(cpu::byte_shape(o), cpu::byte_target(), 1, 1);
  op::QuantizedConvolution q{std::vector<std::int8_t>(std::size_t{9} * 256 * 128), std::vector<std::int32_t>(9 * 128),
                             std::vector<float>(128, 1.0F)};
  // 255 * 57 * 9 * 256 is just below 2^25, 255 * 58 * 9 * 256 just above.
  for (std::size_t i = 7; i < q.kernel.size(); i += 128) q.kernel[i] = i % 256 == 7 ? 57 : -57;
  CHECK(winograd.fits(q));
  for (std::size_t i = 7; i < q.kernel.size(); i += 128) q.kernel[i] = 58;
  CHECK_FALSE(winograd.fits(q));

  op::Operation few = o;
  few.in.channels = 32;
  CHECK_FALSE(cpu::has_byte_winograd(few));
  CHECK_FALSE(cpu::has_byte_winograd(convolution(image_dims(14, 14, 512), 512, 3, 1, false)));
  CHECK_FALSE(cpu::has_byte_winograd(convolution(image_dims(28, 28, 256), 128, 3, 0, false)));
}
