// A network's first convolution for one instruction set; included by first_convolution.hpp.
#include <cxrnet/backend/cpu/float_vectors.inl>

/// R pixels from `x` on, of one panel of output channels: sums over three rows of the input, plus bias and ReLU.
template <int R>
inline void pixels(const FirstShape& s, const float* const (&x)[3], const float* kernel, const float* bias, float* y) {
  constexpr int panel = FirstShape::panel;
  alignas(64) float sums_of[R * panel];
  for (int k = 0; k < panel; k += 2 * lanes) {
    Rows<R> sums;
    const float* weights = kernel + k;
    for (const float* const row : x) {
      for (std::ptrdiff_t tap = 0; tap < 3 * s.in; ++tap, weights += s.out) {
        sums.add(row + tap, s.in, load(weights), load(weights + lanes));
      }
    }
    sums.put(sums_of + k);
  }
  // A panel is two of the output's blocks of 16 channels.
  for (std::ptrdiff_t r = 0; r < R; ++r) {
    for (std::ptrdiff_t k = 0; k < panel; k += lanes) {
      Vector sum = load(sums_of + r * panel + k) + (bias == nullptr ? Vector{} : load(bias + k));
      if (s.relu) sum = larger(sum, Vector{});
      store(y + k / 16 * s.block_step + r * 16 + k % 16, sum);
    }
  }
}

/// One row of results: `x` are the three rows of the input around it, a pixel of zeros before and behind each.
inline void first_row(const FirstShape& s, const float* const (&x)[3], const float* kernel, const float* bias, float* y) {
  for (std::ptrdiff_t k = 0; k < s.out; k += FirstShape::panel) {
    const float* const b = bias == nullptr ? nullptr : bias + k;
    for (std::ptrdiff_t column = 0; column < s.width;) {
      const std::ptrdiff_t left = s.width - column, rows = rows_of(left);
      const float* const at[3] = {x[0] + column * s.in, x[1] + column * s.in, x[2] + column * s.in};
      float* const to = y + k / 16 * s.block_step + column * 16;
      if (rows == most_rows) pixels<most_rows>(s, at, kernel + k, b, to);
      else if (rows == medium_rows) pixels<medium_rows>(s, at, kernel + k, b, to);
      else if (rows == 4) pixels<4>(s, at, kernel + k, b, to);
      else if (rows == 2) pixels<2>(s, at, kernel + k, b, to);
      else pixels<1>(s, at, kernel + k, b, to);
      column += rows;
    }
  }
}
