// Vectors of floats for one instruction set; included by kernels on floats.

constexpr int lanes = CXRNET_SIMD_BYTES / 4;
using Vector = float __attribute__((vector_size(CXRNET_SIMD_BYTES)));

[[gnu::always_inline]] inline Vector load(const float* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }
// Not 0 + x, which is no copy of -0.
[[gnu::always_inline]] inline Vector broadcast(const float* p) { return *p - Vector{}; }
[[gnu::always_inline]] inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

// How many tiles or pixels are multiplied together: two sums for each and what feeds them, all in registers.
constexpr int most_rows = CXRNET_SIMD_REGISTERS == 32 ? 14 : 6;
constexpr int medium_rows = CXRNET_SIMD_REGISTERS == 32 ? 8 : 4;

/// How many of so many go first.
constexpr std::ptrdiff_t rows_of(std::ptrdiff_t left) {
  if (left == most_rows || left >= most_rows + medium_rows) return most_rows;
  if (left >= medium_rows) return medium_rows;
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/// Sums of R tiles or pixels, in two registers of output channels each. What is multiplied lies `step` apart.
template <int R>
struct Rows {
  Vector left{}, right{};
  Rows<R - 1> rest;
  [[gnu::always_inline]] void add(const float* v, std::ptrdiff_t step, Vector u0, Vector u1) {
    const Vector x = broadcast(v);
    left += x * u0;
    right += x * u1;
    rest.add(v + step, step, u0, u1);
  }
  [[gnu::always_inline]] void put(float* m) const {
    store(m, left);
    store(m + lanes, right);
    rest.put(m + 32);
  }
};
template <>
struct Rows<0> {
  [[gnu::always_inline]] void add(const float*, std::ptrdiff_t, Vector, Vector) {}
  [[gnu::always_inline]] void put(float*) const {}
};
