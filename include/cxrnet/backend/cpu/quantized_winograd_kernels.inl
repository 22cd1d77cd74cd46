// Winograd's F(4x4, 3x3) in integers for one instruction set; included by quantized_winograd.hpp.
#include <cxrnet/backend/cpu/byte_vectors.inl>

constexpr int shorts = CXRNET_SIMD_BYTES >= 32 ? 16 : 8;
using Shorts = std::int16_t __attribute__((vector_size(shorts * 2)));
using Octets = std::uint8_t __attribute__((vector_size(shorts)));
using Modular = std::uint32_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));

/// Six numbers of a row or column of the input: B^T d. From bytes at most 8 * 255, from those at most 68 * 255.
[[gnu::always_inline]] inline void transform_input(const Shorts (&d)[6], std::int16_t* t, std::ptrdiff_t step) {
  const Shorts outer = d[4] - d[2], inner = d[3] - d[1], even = d[4] - d[2] * 4, odd = d[3] - d[1] * 4;
  store(t, (d[0] - d[2]) * 4 + outer);
  store(t + step, even + odd);
  store(t + 2 * step, even - odd);
  store(t + 3 * step, outer + inner * 2);
  store(t + 4 * step, outer - inner * 2);
  store(t + 5 * step, d[5] - d[3] - inner * 4);
}

struct Four {
  Modular y[4];
};

/// By how many bits, besides 3, each of four results of transform_output is too large.
constexpr int surplus[4] = {3, 2, 1, 1};

/// Four results of six products, modulo 2^32: A^T m with the fractions that the weights lack, each times 3 * 2^surplus.
[[gnu::always_inline]] inline Four transform_output(const std::int32_t* m, std::ptrdiff_t step) {
  const Modular m1 = load<Modular>(m + step), m2 = load<Modular>(m + 2 * step);
  const Modular m3 = load<Modular>(m + 3 * step), m4 = load<Modular>(m + 4 * step);
  const Modular sum_a = m1 + m2, odd_a = m1 - m2, sum_b = m3 + m4, odd_b = m3 - m4;
  const Modular m0 = load<Modular>(m) * 2, m5 = load<Modular>(m + 5 * step) * 2;
  return {{m0 + m0 * 2 - sum_a * 4 + sum_b, odd_b - odd_a * 2, sum_b - sum_a, odd_b * 2 - odd_a + m5 + m5 * 2}};
}

/// How many tiles are multiplied together: two sums for each and what feeds them, all in registers.
constexpr int most_rows = CXRNET_SIMD_REGISTERS == 32 ? 14 : 4;
constexpr int medium_rows = CXRNET_SIMD_REGISTERS == 32 ? 8 : 3;

/// How many of so many tiles go first.
constexpr std::ptrdiff_t rows_of(std::ptrdiff_t left) {
  if (left == most_rows || left >= most_rows + medium_rows) return most_rows;
  if (left >= medium_rows) return medium_rows;
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/// V = B^T d B of `count` tiles from `first` on, of 16 channels each of blocks first_block to last_block:
/// [36][count in groups of rows_of() tiles][in / 16][the group's tiles][16].
inline void transform_tiles(const WinogradShape& s, const std::uint8_t* x, std::ptrdiff_t first, std::ptrdiff_t count,
                            int first_block, int last_block, std::int16_t* v) {
  const ByteMap map{s.height, s.width, s.in};
  const std::ptrdiff_t v_step = s.in * count;
  alignas(64) std::uint8_t edge[36 * 16];
  alignas(64) std::int16_t half[36 * 16];
  for (std::ptrdiff_t block = first_block; block < last_block; ++block) {
    std::ptrdiff_t group = 0, rows = 0;
    for (std::ptrdiff_t t = 0; t < count; ++t) {
      if (t == group + rows) {
        group = t;
        rows = rows_of(count - t);
      }
      const TilePlace place = s.place(first + t);
      const std::uint8_t* from = x + place.image * map.size() + block * map.plane() + place.y * map.row() + place.x * 16;
      std::ptrdiff_t row = map.row();
      if (place.y + 4 > s.height || place.x + 4 > s.width) {  // the map's ring ends within the tile
        for (std::ptrdiff_t i = 0; i < 6; ++i) {
          for (std::ptrdiff_t j = 0; j < 6; ++j) {
            const bool inside = place.y + i < s.height + 2 && place.x + j < s.width + 2;
            if (inside) std::memcpy(edge + (i * 6 + j) * 16, from + i * row + j * 16, 16);
            else std::memset(edge + (i * 6 + j) * 16, 0, 16);
          }
        }
        from = edge;
        row = 6 * 16;
      }
      std::int16_t* const to = v + group * s.in + (block * rows + t - group) * 16;
      for (std::ptrdiff_t k = 0; k < 16; k += shorts) {
        Shorts d[6];
        for (std::ptrdiff_t j = 0; j < 6; ++j) {
          for (std::ptrdiff_t i = 0; i < 6; ++i) {
            d[i] = __builtin_convertvector(load<Octets>(from + i * row + j * 16 + k), Shorts);
          }
          transform_input(d, half + j * 16 + k, 6 * 16);
        }
        for (std::ptrdiff_t i = 0; i < 6; ++i) {
          for (std::ptrdiff_t j = 0; j < 6; ++j) d[j] = load<Shorts>(half + (i * 6 + j) * 16 + k);
          transform_input(d, to + i * 6 * v_step + k, v_step);
        }
      }
    }
  }
}

/// sum + the products of two shorts with two weights in each lane.
[[gnu::always_inline]] inline void add_pair(Words& sum, Words pairs, Words weights) {
#if CXRNET_SIMD_BYTES == 64
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(pairs), "v"(weights));
#else
  sum += add_pairs(pairs, weights);
#endif
}

/// Products of R tiles with two registers of output channels, all in registers.
template <int R>
struct Rows {
  Words left{}, right{};
  Rows<R - 1> rest;
  [[gnu::always_inline]] void add(const std::int16_t* v, Words u0, Words u1) {
    const Words pair = broadcast(reinterpret_cast<const std::uint8_t*>(v));
    add_pair(left, pair, u0);
    add_pair(right, pair, u1);
    rest.add(v + 16, u0, u1);
  }
  [[gnu::always_inline]] void put(std::int32_t* m) const {
    store(m, left);
    store(m + lanes, right);
    rest.put(m + WinogradShape::panel);
  }
};
template <>
struct Rows<0> {
  [[gnu::always_inline]] void add(const std::int16_t*, Words, Words) {}
  [[gnu::always_inline]] void put(std::int32_t*) const {}
};

/// R tiles by one panel of weights. Meanwhile a line for every second channel is fetched from `ahead` on.
template <int R>
inline void multiply_rows(std::ptrdiff_t blocks, const std::int16_t* v, const std::int16_t* u, const std::int16_t* ahead,
                          std::int32_t* m) {
  for (int k = 0; k < WinogradShape::panel; k += 2 * lanes) {
    Rows<R> sums;
    const std::int16_t* weights = u + k * 2;
    for (std::ptrdiff_t block = 0; block < blocks; ++block) {
      const std::int16_t* const tiles = v + block * R * 16;
      for (int c = 0; c < 16; c += 2) {
        __builtin_prefetch(ahead + (block * 16 + c) * 16, 0, 2);
        sums.add(tiles + c, load<Words>(weights), load<Words>(weights + 2 * lanes));
        weights += WinogradShape::panel * 2;
      }
    }
    sums.put(m + k);
  }
}

/// M = U V for one panel of output channels: [36][count][32], of which the points first to last - 1. `ahead` is how far
/// behind a point's weights those lie that are wanted next.
inline void multiply(const WinogradShape& s, int first, int last, std::ptrdiff_t count, const std::int16_t* v,
                     const std::int16_t* u, std::ptrdiff_t ahead, std::int32_t* m) {
  constexpr int panel = WinogradShape::panel;
  const std::ptrdiff_t blocks = s.in / 16;
  for (std::ptrdiff_t f = first; f < last; ++f) {
    const std::int16_t* const weights = u + f * s.in * panel;
    std::ptrdiff_t part = 0;
    for (std::ptrdiff_t t = 0; t < count;) {
      const std::ptrdiff_t rows = rows_of(count - t);
      const std::int16_t* const tiles = v + (f * count + t) * s.in;
      const std::int16_t* const next = weights + ahead + part * s.in * 16;
      std::int32_t* const to = m + (f * count + t) * panel;
      if (rows == most_rows) multiply_rows<most_rows>(blocks, tiles, weights, next, to);
      else if (rows == medium_rows) multiply_rows<medium_rows>(blocks, tiles, weights, next, to);
      else if (rows == 4) multiply_rows<4>(blocks, tiles, weights, next, to);
      else if (rows == 2) multiply_rows<2>(blocks, tiles, weights, next, to);
      else multiply_rows<1>(blocks, tiles, weights, next, to);
      t += rows;
      part = 1 - part;
    }
  }
}

/// Where a pixel's 16 channels begin in a block's plane.
constexpr std::ptrdiff_t place_of(const ByteMap& map, std::ptrdiff_t row, std::ptrdiff_t column) {
  return (row + 1) * map.row() + (column + 1) * 16;
}

/// Y = A^T M A, plus bias, ReLU, the 2x2 maximum and rounding, of one panel of `count` tiles from `first` on.
template <bool pool>
inline void finish_tiles(const WinogradShape& s, int panel, std::ptrdiff_t first, std::ptrdiff_t count,
                         const std::int32_t* m, const ByteEpilogue& epilogue, const ByteMap& map, std::uint8_t* y) {
  constexpr int wide = WinogradShape::panel;
  alignas(64) std::int32_t half[4 * 6 * lanes];
  for (std::ptrdiff_t t = 0; t < count; ++t) {
    const TilePlace place = s.place(first + t);
    for (std::ptrdiff_t k = 0; k < wide && panel * wide + k < s.out; k += lanes) {
      const std::ptrdiff_t channel = panel * wide + k;
      const std::int32_t* const from = m + t * wide + k;
      for (std::ptrdiff_t j = 0; j < 6; ++j) {
        const Four c = transform_output(from + j * count * wide, 6 * count * wide);
        for (int i = 0; i < 4; ++i) store(half + (i * 6 + j) * lanes, c.y[i]);
      }
      const Words bias = load<Words>(epilogue.bias + channel);
      const Floats multiplier = load<Floats>(epilogue.multiplier + channel);
      std::uint8_t* const to = y + place.image * map.size() + channel / 16 * map.plane() + channel % 16;
      Words above0{}, above1{};
      for (std::ptrdiff_t i = 0; i < 4; ++i) {
        const Four sums = transform_output(half + i * 6 * lanes, lanes);
        Words r[4];
        for (int j = 0; j < 4; ++j) {  // divided by 9 through its inverse modulo 2^32, and by powers of two
          r[j] = (reinterpret_cast<Words>(sums.y[j] * 0x38E38E39U) >> (surplus[i] + surplus[j])) + bias;
        }
        if constexpr (pool) {
          const Words left = larger(r[0], r[1]), right = larger(r[2], r[3]);
          if (i % 2 == 0) {
            above0 = left;
            above1 = right;
            continue;
          }
          const std::ptrdiff_t row = (place.y + i) / 2, column = place.x / 2;
          if (row >= map.height) break;
          if (column < map.width) store(to + place_of(map, row, column), requantize(larger(above0, left), multiplier));
          if (column + 1 < map.width) store(to + place_of(map, row, column + 1), requantize(larger(above1, right), multiplier));
        } else {
          if (place.y + i >= map.height) break;
          for (std::ptrdiff_t j = 0; j < 4 && place.x + j < map.width; ++j) {
            store(to + place_of(map, place.y + i, place.x + j), requantize(r[j], multiplier));
          }
        }
      }
    }
  }
}

inline constexpr ByteWinogradKernels kernels{transform_tiles, multiply, {finish_tiles<false>, finish_tiles<true>}};
