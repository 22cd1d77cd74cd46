// Winograd's F(4x4, 3x3) for one instruction set; included by winograd.hpp. Maps are blocked by 16 channels.

#include <cxrnet/backend/cpu/float_vectors.inl>

// Interpolation at 0, a, -a, b, -b and infinity with a^2 = 1/2 and b^2 = 2: small factors, small errors.
constexpr float a1 = 0.70710678118654752F;
constexpr float b1 = 1.41421356237309505F;
constexpr float a2 = 0.5F;
constexpr float b2 = 2.0F;

/// Six numbers of a row or column of the input: B^T d.
[[gnu::always_inline]] inline void transform_input(Vector d0, Vector d1, Vector d2, Vector d3, Vector d4, Vector d5, float* t,
                                                   std::ptrdiff_t t_step) {
  const Vector even_a = d4 - d2 * b2, odd_a = (d3 - d1 * b2) * a1;
  const Vector even_b = d4 - d2 * a2, odd_b = (d3 - d1 * a2) * b1;
  store(t, d0 - d2 * (a2 + b2) + d4);
  store(t + t_step, even_a + odd_a);
  store(t + 2 * t_step, even_a - odd_a);
  store(t + 3 * t_step, even_b + odd_b);
  store(t + 4 * t_step, even_b - odd_b);
  store(t + 5 * t_step, d1 - d3 * (a2 + b2) + d5);
}

struct Four {
  Vector y0, y1, y2, y3;
};

/// Four results of six products: A^T m.
[[gnu::always_inline]] inline Four transform_output(const float* m, std::ptrdiff_t step) {
  const Vector m0 = load(m), m1 = load(m + step), m2 = load(m + 2 * step);
  const Vector m3 = load(m + 3 * step), m4 = load(m + 4 * step), m5 = load(m + 5 * step);
  const Vector sum_a = m1 + m2, sum_b = m3 + m4;
  const Vector odd_a = (m1 - m2) * a1, odd_b = (m3 - m4) * b1;
  return {m0 + sum_a + sum_b, odd_a + odd_b, sum_a * a2 + sum_b * b2, odd_a * a2 + odd_b * b2 + m5};
}

/// U = G g G^T for one panel of output channels, those past the end zero: [36][in][32].
inline void transform_weights(const WinogradShape& s, int panel, const WinogradTaps& from, float* packed) {
  constexpr int wide = WinogradShape::panel;
  // G's rows: what the interpolation points give, over the product of their distances from the others.
  constexpr float g[6][3] = {{1.0F, 0.0F, 0.0F},
                             {-2.0F / 3, -2.0F / 3 * a1, -2.0F / 3 * a2},
                             {-2.0F / 3, 2.0F / 3 * a1, -2.0F / 3 * a2},
                             {1.0F / 6, 1.0F / 6 * b1, 1.0F / 6 * b2},
                             {1.0F / 6, -1.0F / 6 * b1, 1.0F / 6 * b2},
                             {0.0F, 0.0F, 1.0F}};
  const std::ptrdiff_t first = std::ptrdiff_t{panel} * wide;
  const std::ptrdiff_t count = std::min<std::ptrdiff_t>(wide, s.out - first);
  alignas(64) float taps[9 * wide] = {};
  for (std::ptrdiff_t c = 0; c < s.in; ++c) {
    for (std::ptrdiff_t tap = 0; tap < 9; ++tap) {
      const float* const row = from.first + tap * from.tap + c * from.in + first * from.out;
      for (std::ptrdiff_t k = 0; k < count; ++k) taps[tap * wide + k] = row[k * from.out];
    }
    for (std::ptrdiff_t k = 0; k < wide; k += lanes) {
      for (std::ptrdiff_t i = 0; i < 6; ++i) {
        Vector half[3];
        for (std::ptrdiff_t x = 0; x < 3; ++x) {
          const float* const column = taps + x * wide + k;
          half[x] = load(column) * g[i][0] + load(column + 3 * wide) * g[i][1] + load(column + 6 * wide) * g[i][2];
        }
        for (std::ptrdiff_t j = 0; j < 6; ++j) {
          store(packed + ((i * 6 + j) * s.in + c) * wide + k, half[0] * g[j][0] + half[1] * g[j][1] + half[2] * g[j][2]);
        }
      }
    }
  }
}

/// V = B^T d B of `count` tiles from `first` on, of 16 channels each of blocks first_block to last_block:
/// [36][count in groups of rows_of() tiles][in / 16][the group's tiles][16].
inline void transform_tiles(const WinogradShape& s, const float* x, std::ptrdiff_t x_rows, std::ptrdiff_t first,
                            std::ptrdiff_t count, int first_block, int last_block, float* v) {
  const std::ptrdiff_t blocks = s.in / 16;
  const std::ptrdiff_t row = std::ptrdiff_t{s.width} * 16;
  const std::ptrdiff_t v_step = s.in * count;
  alignas(64) float edge[36 * 16];
  alignas(64) float half[36 * 16];
  for (std::ptrdiff_t block = first_block; block < last_block; ++block) {
    std::ptrdiff_t group = 0, rows = 0;
    for (std::ptrdiff_t t = 0; t < count; ++t) {
      if (t == group + rows) {
        group = t;
        rows = rows_of(count - t);
      }
      const TilePlace place = s.place(first + t);
      const float* const column = x + (place.image * blocks + block) * x_rows * row + (place.x - 1) * 16;
      const float* from[6];
      for (std::ptrdiff_t i = 0, y = (place.y - 1 + x_rows) % x_rows; i < 6; ++i) {
        from[i] = column + y * row;
        y = y + 1 == x_rows ? 0 : y + 1;
      }
      if (place.y == 0 || place.x == 0 || place.y + 5 > s.height || place.x + 5 > s.width) {
        for (std::ptrdiff_t i = 0; i < 6; ++i) {
          for (std::ptrdiff_t j = 0; j < 6; ++j) {
            const std::ptrdiff_t y = place.y - 1 + i, at = place.x - 1 + j;
            const bool inside = y >= 0 && y < s.height && at >= 0 && at < s.width;
            for (int k = 0; k < 16; k += lanes) {
              store(edge + (i * 6 + j) * 16 + k, inside ? load(from[i] + j * 16 + k) : Vector{});
            }
          }
          from[i] = edge + i * 6 * 16;
        }
      }
      float* const to = v + group * s.in + (block * rows + t - group) * 16;
      for (std::ptrdiff_t k = 0; k < 16; k += lanes) {
        for (std::ptrdiff_t j = 0; j < 6; ++j) {
          const std::ptrdiff_t at = j * 16 + k;
          transform_input(load(from[0] + at), load(from[1] + at), load(from[2] + at), load(from[3] + at), load(from[4] + at),
                          load(from[5] + at), half + at, 6 * 16);
        }
        for (std::ptrdiff_t i = 0; i < 6; ++i) {
          const float* const h = half + i * 6 * 16 + k;
          transform_input(load(h), load(h + 16), load(h + 32), load(h + 48), load(h + 64), load(h + 80), to + i * 6 * v_step + k,
                          v_step);
        }
      }
    }
  }
}

/// R tiles by one panel of weights. Meanwhile a line for each channel is fetched from `ahead` on.
template <int R>
inline void multiply_rows(std::ptrdiff_t blocks, const float* v, const float* u, const float* ahead, float* m) {
  for (int k = 0; k < WinogradShape::panel; k += 2 * lanes) {
    Rows<R> sums;
    const float* weights = u + k;
    for (std::ptrdiff_t block = 0; block < blocks; ++block) {
      const float* const tiles = v + block * R * 16;
      for (int c = 0; c < 16; ++c) {
        __builtin_prefetch(ahead + (block * 16 + c) * 16, 0, 2);
        sums.add(tiles + c, 16, load(weights), load(weights + lanes));
        weights += WinogradShape::panel;
      }
    }
    sums.put(m + k);
  }
}

/// M = U V for one panel of output channels: [36][count][32], of which the points first to last - 1. `ahead` is how far
/// behind a point's weights those lie that are wanted next.
inline void multiply(const WinogradShape& s, int first, int last, std::ptrdiff_t count, const float* v, const float* u,
                     std::ptrdiff_t ahead, float* m) {
  constexpr int panel = WinogradShape::panel;
  const std::ptrdiff_t blocks = s.in / 16;
  for (std::ptrdiff_t f = first; f < last; ++f) {
    const float* const weights = u + f * s.in * panel;
    std::ptrdiff_t part = 0;
    for (std::ptrdiff_t t = 0; t < count;) {
      const std::ptrdiff_t rows = rows_of(count - t);
      const float* const tiles = v + (f * count + t) * s.in;
      const float* const next = weights + ahead + part * s.in * 16;
      float* const to = m + (f * count + t) * panel;
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

/// Y = A^T M A, plus bias, ReLU and the 2x2 maximum, of one panel of `count` tiles from `first` on.
template <bool relu, bool pool>
inline void finish_tiles(const WinogradShape& s, int panel, std::ptrdiff_t first, std::ptrdiff_t count, const float* m,
                         const float* bias, float* y, std::ptrdiff_t y_rows) {
  constexpr int wide = WinogradShape::panel;
  const std::ptrdiff_t height = pool ? s.height / 2 : s.height;
  const std::ptrdiff_t width = pool ? s.width / 2 : s.width;
  const std::ptrdiff_t blocks = s.out / 16;
  alignas(64) float half[4 * 6 * lanes];
  for (std::ptrdiff_t t = 0; t < count; ++t) {
    const TilePlace place = s.place(first + t);
    const std::ptrdiff_t first_row = place.y % y_rows;
    for (std::ptrdiff_t k = 0; k < wide && panel * wide + k < s.out; k += lanes) {
      const std::ptrdiff_t channel = panel * wide + k;
      const float* const from = m + t * wide + k;
      for (std::ptrdiff_t j = 0; j < 6; ++j) {
        const Four c = transform_output(from + j * count * wide, 6 * count * wide);
        store(half + j * lanes, c.y0);
        store(half + (6 + j) * lanes, c.y1);
        store(half + (12 + j) * lanes, c.y2);
        store(half + (18 + j) * lanes, c.y3);
      }
      const Vector add = bias == nullptr ? Vector{} : load(bias + channel);
      float* const to = y + (place.image * blocks + channel / 16) * y_rows * width * 16 + channel % 16;
      Vector above0{}, above1{};
      for (std::ptrdiff_t i = 0; i < 4; ++i) {
        Four r = transform_output(half + i * 6 * lanes, lanes);
        r = {r.y0 + add, r.y1 + add, r.y2 + add, r.y3 + add};
        if constexpr (relu) r = {larger(r.y0, Vector{}), larger(r.y1, Vector{}), larger(r.y2, Vector{}), larger(r.y3, Vector{})};
        if constexpr (pool) {
          const Vector left = larger(r.y0, r.y1), right = larger(r.y2, r.y3);
          if (i % 2 == 0) {
            above0 = left;
            above1 = right;
            continue;
          }
          const std::ptrdiff_t row = (place.y + i) / 2, column = place.x / 2;
          if (row >= height) break;
          float* const at = to + (row * width + column) * 16;
          if (column < width) store(at, larger(above0, left));
          if (column + 1 < width) store(at + 16, larger(above1, right));
        } else {
          if (place.y + i >= height) break;
          float* const at = to + ((first_row + i) * width + place.x) * 16;
          store(at, r.y0);
          if (place.x + 1 < width) store(at + 16, r.y1);
          if (place.x + 2 < width) store(at + 32, r.y2);
          if (place.x + 3 < width) store(at + 48, r.y3);
        }
      }
    }
  }
}

inline constexpr WinogradKernels winograd_kernels{
    transform_weights, transform_tiles, multiply,
    {{finish_tiles<false, false>, finish_tiles<false, true>}, {finish_tiles<true, false>, finish_tiles<true, true>}}};
