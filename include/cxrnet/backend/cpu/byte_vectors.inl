// Vectors of bytes, words and floats for one instruction set; included by kernels on bytes.

constexpr int lanes = CXRNET_SIMD_BYTES / 4;
using Words = std::int32_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));
using Floats = float __attribute__((vector_size(CXRNET_SIMD_BYTES)));
using Bytes = std::uint8_t __attribute__((vector_size(CXRNET_SIMD_BYTES / 4)));

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

/// Four bytes in every lane.
[[gnu::always_inline]] inline Words broadcast(const std::uint8_t* bytes) {
#if CXRNET_SIMD_BYTES == 64
  // g++ 12 would load all of a tile's bytes into general registers, and spill these.
  struct __attribute__((packed, may_alias)) Four {
    std::int32_t value;
  };
  Words v;
  asm("vpbroadcastd %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const Four*>(bytes)));
  return v;
#else
  std::int32_t four = 0;
  std::memcpy(&four, bytes, 4);
  return four - Words{};
#endif
}

/// The sums of two products each of 16 bits.
#if CXRNET_SIMD_BYTES != 64
[[gnu::always_inline]] inline Words add_pairs(Words a, Words b) {
  using Shorts = std::int16_t __attribute__((vector_size(CXRNET_SIMD_BYTES)));
#if CXRNET_SIMD_BYTES == 32
  return reinterpret_cast<Words>(__builtin_ia32_pmaddwd256(reinterpret_cast<Shorts>(a), reinterpret_cast<Shorts>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<Words>(__builtin_ia32_pmaddwd128(reinterpret_cast<Shorts>(a), reinterpret_cast<Shorts>(b)));
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}
#endif

[[gnu::always_inline]] inline Words larger(Words a, Words b) { return a > b ? a : b; }

/// max(sum, 0) times multiplier as a byte, halves to even: adding 1.5 * 2^23 leaves no bits behind the point.
[[gnu::always_inline]] inline Bytes requantize(Words sum, Floats multiplier) {
  Floats f = __builtin_convertvector(larger(sum, Words{}), Floats) * multiplier;
  f = f < 255.0F ? f : Floats{} + 255.0F;
  return __builtin_convertvector(reinterpret_cast<Words>(f + 12582912.0F) & 255, Bytes);
}
