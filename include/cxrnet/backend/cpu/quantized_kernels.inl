// Convolutions on bytes for one instruction set; included by quantized.hpp.
#include <cxrnet/backend/cpu/byte_vectors.inl>

/// Weights of four input channels, ready to be multiplied.
struct Weights {
#if CXRNET_SIMD_BYTES == 64
  Words all;
  [[gnu::always_inline]] explicit Weights(const std::int8_t* w) : all(load<Words>(w)) {}
#else
  Words even, odd;  // as pairs of 16 bits
  [[gnu::always_inline]] explicit Weights(const std::int8_t* w) {
    using Shorts = std::int16_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));
    const auto all = reinterpret_cast<Shorts>(load<Words>(w));
    even = reinterpret_cast<Words>((all << 8) >> 8);
    odd = reinterpret_cast<Words>(all >> 8);
  }
#endif
};

/// sum + the products of four bytes with four weights in each lane, exact.
[[gnu::always_inline]] inline void add_products(Words& sum, Words bytes, const Weights& w) {
#if CXRNET_SIMD_BYTES == 64
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(w.all));
#else
  using Unsigned = std::uint16_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));
  const auto both = reinterpret_cast<Unsigned>(bytes);
  sum += add_pairs(reinterpret_cast<Words>(both & 255), w.even) + add_pairs(reinterpret_cast<Words>(both >> 8), w.odd);
#endif
}

/// Sums of R results in a row with two registers of output channels, all in registers.
template <int R>
struct Sums {
  Words left{}, right{};
  Sums<R - 1> rest;
  template <int step>
  [[gnu::always_inline]] void add(const std::uint8_t* x, const Weights& w0, const Weights& w1) {
    const Words bytes = broadcast(x);
    add_products(left, bytes, w0);
    add_products(right, bytes, w1);
    rest.template add<step>(x + step, w0, w1);
  }
  /// The larger of each two neighbours to `above`, or of them and what is there.
  [[gnu::always_inline]] void put_larger(std::int32_t* above, bool first) const {
    if constexpr (R >= 2) {
      const Words l = larger(left, rest.left), r = larger(right, rest.right);
      store(above, first ? l : larger(l, load<Words>(above)));
      store(above + lanes, first ? r : larger(r, load<Words>(above + lanes)));
      rest.rest.put_larger(above + 2 * lanes, first);
    }
  }
  [[gnu::always_inline]] void put(std::int32_t* sums) const {
    store(sums, left);
    store(sums + lanes, right);
    rest.put(sums + 2 * lanes);
  }
  /// Adds a bias that is another for the map's first and last column.
  [[gnu::always_inline]] void add_bias(const std::int32_t* const* bias, int column, int last) {
    const std::int32_t* const b = bias[column == 0 ? 0 : column == last ? 2 : 1];
    left += load<Words>(b);
    right += load<Words>(b + lanes);
    rest.add_bias(bias, column + 1, last);
  }
};
template <>
struct Sums<0> {
  Words left{}, right{};
  template <int step>
  [[gnu::always_inline]] void add(const std::uint8_t*, const Weights&, const Weights&) {}
  [[gnu::always_inline]] void put_larger(std::int32_t*, bool) const {}
  [[gnu::always_inline]] void put(std::int32_t*) const {}
  [[gnu::always_inline]] void add_bias(const std::int32_t* const*, int, int) {}
};

/// Sums of R results from `x` on, for two registers of output channels from `w` on.
template <int R, int block>
[[gnu::always_inline]] inline Sums<R> sums_of(const ByteShape& s, const std::uint8_t* x, const std::int8_t* w) {
  Sums<R> sums;
  const std::ptrdiff_t row = s.from.row();
  for (int b = 0; b < s.from.blocks(); ++b, x += s.from.plane()) {
    for (int i = 0; i < s.window.height; ++i) {
      const std::uint8_t* tap = x + i * row;
      for (int j = 0; j < s.window.width; ++j, tap += block) {
#pragma GCC unroll 4
        for (int c = 0; c < block; c += 4, w += ByteShape::panel * 4) {
          __builtin_prefetch(w + 2048);  // kernels that only the second cache holds
          __builtin_prefetch(w + 2112);
          sums.template add<block>(tap + c, Weights(w), Weights(w + 4 * lanes));
        }
      }
    }
  }
  return sums;
}

/// R results of a row, or of two rows that are pooled, of one panel.
template <int R, int block, bool pool>
inline void convolve_tile(const ByteShape& s, const ByteWeights& weights, const BytePart& part, int panel, int row, int column) {
  const std::ptrdiff_t channels = std::ptrdiff_t{s.panels()} * ByteShape::panel;
  const std::uint8_t* const x = part.x + (row + 1 - s.window.pad_top) * s.from.row() +
                                std::ptrdiff_t{column + 1 - s.window.pad_left} * block;
  constexpr int results = pool ? R / 2 : R;
  alignas(64) std::int32_t sums[results * 2 * lanes] = {};
  for (int k = 0; k < ByteShape::panel && panel * ByteShape::panel + k < s.to.channels; k += 2 * lanes) {
    const std::ptrdiff_t channel = std::ptrdiff_t{panel} * ByteShape::panel + k;
    const std::int8_t* const w = weights.kernel + panel * s.panel_bytes() + k * 4;
    for (int i = 0; i < (pool ? 2 : 1); ++i) {
      const std::int32_t* const place =
          weights.bias + (row + i == 0 ? 0 : row + i == s.height - 1 ? 6 : 3) * channels + channel;
      const std::int32_t* const bias[3] = {place, place + channels, place + 2 * channels};
      Sums<R> tile = sums_of<R, block>(s, x + i * s.from.row(), w);
      tile.add_bias(bias, column, s.width - 1);
      if constexpr (pool) tile.put_larger(sums, i == 0);
      else tile.put(sums);
    }
    const std::ptrdiff_t to_row = (pool ? row / 2 : row) + 1, to_column = (pool ? column / 2 : column) + 1;
    for (int half = 0; half < 2; ++half) {
      const std::ptrdiff_t c = channel + half * lanes;
      if (c >= s.to.channels) break;
      const Floats multiplier = load<Floats>(weights.multiplier + c);
      std::uint8_t* const y = part.y + c / 16 * s.to.plane() + to_row * s.to.row() + to_column * 16 + c % 16;
      for (int i = 0; i < results; ++i) {
        store(y + i * 16, requantize(load<Words>(sums + i * 2 * lanes + half * lanes), multiplier));
      }
    }
  }
}

/// Zeros around a part's results.
inline void clear_ring(const ByteShape& s, const BytePart& part, int first, int last) {
  const int blocks = std::min(part.last_panel * ByteShape::panel / 16, s.to.blocks());
  for (int b = part.first_panel * ByteShape::panel / 16; b < blocks; ++b) {
    std::uint8_t* const plane = part.y + b * s.to.plane();
    const auto row = static_cast<std::size_t>(s.to.row());
    if (first == 0) std::memset(plane, 0, row);
    if (last == s.to.height) std::memset(plane + s.to.plane() - s.to.row(), 0, row);
    for (std::ptrdiff_t i = first + 1; i <= last; ++i) {
      std::memset(plane + i * s.to.row(), 0, 16);
      std::memset(plane + (i + 1) * s.to.row() - 16, 0, 16);
    }
  }
}

template <int block, bool pool>
inline void convolve(const ByteShape& s, const ByteWeights& weights, const BytePart& part) {
  constexpr int most = CXRNET_SIMD_REGISTERS == 32 ? 14 : 4;
  const int step = pool ? 2 : 1;
  const int width = pool ? s.width / 2 * 2 : s.width;
  for (int panel = part.first_panel; panel < part.last_panel; ++panel) {
    for (int row = part.first_row; row + step <= part.last_row; row += step) {
      int column = 0;
      for (; column + most <= width; column += most) convolve_tile<most, block, pool>(s, weights, part, panel, row, column);
      for (; column + 2 <= width; column += 2) convolve_tile<2, block, pool>(s, weights, part, panel, row, column);
      if constexpr (!pool) {
        if (column < width) convolve_tile<1, block, pool>(s, weights, part, panel, row, column);
      }
    }
  }
  const int last = part.last_row == s.height ? s.to.height : part.last_row / step;
  clear_ring(s, part, part.first_row / step, last);
}

inline constexpr ByteKernel byte_kernels[2][2] = {{convolve<16, false>, convolve<16, true>},
                                                  {convolve<4, false>, convolve<4, true>}};
