// Bilinear sampling for one instruction set; included by sample.hpp.

constexpr int lanes = CXRNET_SIMD_BYTES / 4;
using Words = std::int32_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));
using Floats = float __attribute__((vector_size(CXRNET_SIMD_BYTES)));
using Doubles = double __attribute__((vector_size(CXRNET_SIMD_BYTES)));
using Whole = std::int32_t __attribute__((vector_size(CXRNET_SIMD_BYTES / 2)));
using Halves = float __attribute__((vector_size(CXRNET_SIMD_BYTES / 2)));

template <class Vector, class T>
[[gnu::always_inline]] inline Vector load(const T* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class Vector, class T>
[[gnu::always_inline]] inline void store(T* to, Vector v) {
  std::memcpy(to, &v, sizeof v);
}

/// Pixels that are gone through together: their coordinates first, then their bytes, then their numbers.
constexpr int chunk = 64;

struct Chunk {
  alignas(64) std::int32_t left[chunk];
  alignas(64) std::int32_t top[chunk];
  alignas(64) float across[chunk];
  alignas(64) float down[chunk];
  alignas(64) std::int32_t offset[chunk];    ///< of the top left pixel's bytes
  alignas(64) std::uint64_t pixels[2][chunk];  ///< 8 bytes from there on, and those below
};

/// Where each result of a row samples: the pixel's whole coordinate, at most `most`, and how far it is beyond.
inline void coordinates(double start, double step, double last, int most, std::int32_t* whole, float* beyond) {
  constexpr int at_once = CXRNET_SIMD_BYTES / 8;
  Doubles count{};
  for (int i = 0; i < at_once; ++i) count[i] = i;
  for (int i = 0; i < chunk; i += at_once) {
    Doubles x = start + step * (count + static_cast<double>(i));
    x = x > 0.0 ? x : Doubles{};  // in this order NaN turns to 0
    x = x < last ? x : Doubles{} + last;
    const Whole full = __builtin_convertvector(x, Whole);
    const Whole clamped = full < most ? full : Whole{} + most;
    store(whole + i, clamped);
    store(beyond + i, __builtin_convertvector(x - __builtin_convertvector(clamped, Doubles), Halves));
  }
}

/// A pixel and its right neighbour, which is nothing where the image ends.
inline std::uint64_t pair_at_end(const std::uint8_t* rgb, std::size_t offset, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, rgb + offset, std::min<std::size_t>(8, size - offset));
  return word;
}

inline void read_pixels(const SampledImage& image, int count, Chunk& c) {
  const std::int32_t size = image.height * image.width * 3;
  const std::int32_t below = image.height > 1 ? image.width * 3 : 0;
  Words most{};
  for (int i = 0; i < chunk; i += lanes) {
    const Words offset = (load<Words>(c.top + i) * image.width + load<Words>(c.left + i)) * 3;
    most = most > offset ? most : offset;
    store(c.offset + i, offset);
  }
  std::int32_t last = 0;
  for (int k = 0; k < lanes; ++k) last = std::max(last, static_cast<std::int32_t>(most[k]));
  if (last <= size - below - 8) {
    for (int i = 0; i < count; ++i) {
      std::memcpy(&c.pixels[0][i], image.rgb + c.offset[i], 8);
      std::memcpy(&c.pixels[1][i], image.rgb + c.offset[i] + below, 8);
    }
    return;
  }
  for (int i = 0; i < count; ++i) {
    c.pixels[0][i] = pair_at_end(image.rgb, static_cast<std::size_t>(c.offset[i]), static_cast<std::size_t>(size));
    c.pixels[1][i] = pair_at_end(image.rgb, static_cast<std::size_t>(c.offset[i] + below), static_cast<std::size_t>(size));
  }
}

/// Four neighbours of `lanes` pixels, three bytes each in words: top left, top right, bottom left, bottom right.
struct Neighbours {
  Words at[4];
};
[[gnu::always_inline]] inline Neighbours neighbours(const Chunk& c, int i) {
  Neighbours n;
#pragma GCC unroll 2
  for (int row = 0; row < 2; ++row) {
    const auto x = load<Words>(c.pixels[row] + i), y = load<Words>(c.pixels[row] + i + lanes / 2);
#if CXRNET_SIMD_BYTES == 16
    const Words first = __builtin_shufflevector(x, y, 0, 2, 4, 6), second = __builtin_shufflevector(x, y, 1, 3, 5, 7);
#elif CXRNET_SIMD_BYTES == 32
    const Words first = __builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14);
    const Words second = __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15);
#else
    const Words first = __builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const Words second = __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#endif
    n.at[2 * row] = first;
    n.at[2 * row + 1] = ((first >> 24) & 0xFF) | (second << 8);
  }
  return n;
}

/// Three channels of `lanes` pixels, one behind the other.
[[gnu::always_inline]] inline void interleave(Floats r, Floats g, Floats b, float* to) {
#if CXRNET_SIMD_BYTES == 16
  const Floats rg = __builtin_shufflevector(r, g, 0, 4, 1, 5), rg2 = __builtin_shufflevector(r, g, 2, 6, 3, 7);
  store(to, __builtin_shufflevector(rg, __builtin_shufflevector(b, r, 0, 5, 0, 0), 0, 1, 4, 5));
  store(to + 4, __builtin_shufflevector(__builtin_shufflevector(g, b, 1, 5, 1, 5), rg2, 0, 1, 4, 5));
  store(to + 8, __builtin_shufflevector(__builtin_shufflevector(b, r, 2, 7, 2, 7),
                                                              __builtin_shufflevector(g, b, 3, 7, 3, 7), 0, 1, 4, 5));
#elif CXRNET_SIMD_BYTES == 32
  const Floats x = __builtin_shufflevector(r, g, 0, 8, 0, 1, 9, 0, 2, 10);
  const Floats y = __builtin_shufflevector(r, g, 0, 3, 11, 0, 4, 12, 0, 5);
  const Floats z = __builtin_shufflevector(r, g, 13, 0, 6, 14, 0, 7, 15, 0);
  store(to, __builtin_shufflevector(x, b, 0, 1, 8, 3, 4, 9, 6, 7));
  store(to + 8, __builtin_shufflevector(y, b, 10, 1, 2, 11, 4, 5, 12, 7));
  store(to + 16, __builtin_shufflevector(z, b, 0, 13, 2, 3, 14, 5, 6, 15));
#else
  const Floats x = __builtin_shufflevector(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  const Floats y = __builtin_shufflevector(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  const Floats z = __builtin_shufflevector(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  store(to, __builtin_shufflevector(x, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  store(to + 16, __builtin_shufflevector(y, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
  store(to + 32, __builtin_shufflevector(z, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
#endif
}

/// One channel of `lanes` pixels from i on. Bytes stay where they stand in their words: times 1, 256 or 65536, which
/// `scale` takes back; sampling is linear.
[[gnu::always_inline]] inline Floats channel(const Neighbours& n, const Chunk& c, int i, std::int32_t mask, float scale,
                                             float shift) {
  Floats value[4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) value[k] = __builtin_convertvector(n.at[k] & mask, Floats);
  const Floats down = load<Floats>(c.down + i);
  const Floats across = load<Floats>(c.across + i);
  const Floats left = value[0] + (value[2] - value[0]) * down;
  const Floats right = value[1] + (value[3] - value[1]) * down;
  return (left + (right - left) * across) * scale + shift;
}

/// `count` numbers, at most 3 * lanes, as they are wanted.
inline float* put(const float* from, std::ptrdiff_t count, float* to) { return std::copy_n(from, count, to); }
inline std::uint8_t* put(const float* from, std::ptrdiff_t count, std::uint8_t* to) {
  using Bytes = std::uint8_t __attribute__((vector_size(CXRNET_SIMD_BYTES / 4)));
  std::uint8_t bytes[3 * lanes];
  for (int i = 0; i < 3 * lanes; i += lanes) {
    const Floats rounded = load<Floats>(from + i) + 0.5F;
    store(bytes + i, __builtin_convertvector(__builtin_convertvector(rounded, Words), Bytes));
  }
  return std::copy_n(bytes, count, to);
}

/// Fetches an image that a core's cache holds, in order: a rotation meets its lines in none, and would wait for each.
inline void fetch(const SampledImage& image) {
  constexpr std::size_t line = 64, held = 512 * 1024;
  const std::size_t size = static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) * 3;
  if (size > held) return;
  for (std::size_t at = 0; at < size; at += line) __builtin_prefetch(image.rgb + at, 0, 2);
}

template <class Number>
inline void sample(const SampledImage& image, const Affine& map, const std::array<ChannelMap, 3>& channels, Number* prepared) {
  std::int32_t mask[3];
  float scale[3];
  for (std::size_t k = 0; k < 3; ++k) {
    const int bits = 8 * channels[k].source;
    mask[k] = 0xFF << bits;
    scale[k] = channels[k].scale / static_cast<float>(1 << bits);
  }
  fetch(image);
  Chunk c;
  for (int row = 0; row < image.height; ++row) {
    for (int start = 0; start < image.width; start += chunk) {
      const int count = std::min(chunk, image.width - start);
      // At the last column the left neighbour is the one before it, with weight 0: no reading past the end.
      coordinates(map.xy * row + map.x0 + map.xx * start, map.xx, image.width - 1.0, std::max(image.width - 2, 0), c.left, c.across);
      coordinates(map.yy * row + map.y0 + map.yx * start, map.yx, image.height - 1.0, std::max(image.height - 2, 0), c.top, c.down);
      read_pixels(image, count, c);
      for (int i = 0; i < count; i += lanes) {
        alignas(64) float numbers[3 * lanes];
        const Neighbours n = neighbours(c, i);
        interleave(channel(n, c, i, mask[0], scale[0], channels[0].shift), channel(n, c, i, mask[1], scale[1], channels[1].shift),
                   channel(n, c, i, mask[2], scale[2], channels[2].shift), numbers);
        prepared = put(numbers, 3 * std::min(lanes, count - i), prepared);
      }
    }
  }
}
