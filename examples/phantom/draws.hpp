// Random numbers and noise that are the same on every standard library: splitmix64 of a key and a counter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace phantom {

/// splitmix64's finaliser: a bijection of 64 bits whose output looks random.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The key of one stream out of a parent's key.
[[nodiscard]] constexpr std::uint64_t derive(std::uint64_t key, std::uint64_t index) { return mix(key ^ mix(index)); }

/// Uniform in [0, 1), 53 bits.
[[nodiscard]] constexpr double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// A stream of draws: the n-th depends on the key and n alone.
class Draws {
 public:
  explicit constexpr Draws(std::uint64_t key) : key_(key) {}

  constexpr std::uint64_t bits() { return mix(key_ + 0x9e3779b97f4a7c15u * count_++); }
  constexpr double unit() { return to_unit(bits()); }
  constexpr double uniform(double low, double high) { return low + (high - low) * unit(); }
  /// An integer of [low, high].
  constexpr int integer(int low, int high) { return low + static_cast<int>(unit() * (high - low + 1)); }
  constexpr bool chance(double probability) { return unit() < probability; }
  constexpr double sign() { return chance(0.5) ? 1 : -1; }
  /// Mean 0, variance 1, within +-6 (the sum of twelve uniforms).
  constexpr double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += unit();
    return sum;
  }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

/// 0 below `low`, 1 above `high`, smooth between.
[[nodiscard]] inline double ramp(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

/// Value noise in [0, 1], features of about one unit.
[[nodiscard]] inline double value_noise(std::uint64_t key, double x, double y) {
  const double fx = std::floor(x), fy = std::floor(y);
  const auto ix = static_cast<std::int64_t>(fx), iy = static_cast<std::int64_t>(fy);
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return to_unit(mix(key + static_cast<std::uint64_t>(i) * 0x8da6b343u + static_cast<std::uint64_t>(j) * 0xd8163841u));
  };
  const double u = ramp(0, 1, x - fx), v = ramp(0, 1, y - fy);
  const double top = at(ix, iy) * (1 - u) + at(ix + 1, iy) * u;
  const double bottom = at(ix, iy + 1) * (1 - u) + at(ix + 1, iy + 1) * u;
  return top * (1 - v) + bottom * v;
}

/// Octaves of value noise, each of twice the frequency and half the weight; in [0, 1].
[[nodiscard]] inline double fractal_noise(std::uint64_t key, double x, double y, int octaves) {
  double sum = 0, weight = 1, total = 0;
  for (int i = 0; i < octaves; ++i, weight /= 2, x *= 2, y *= 2) {
    sum += weight * value_noise(derive(key, static_cast<std::uint64_t>(i)), x, y);
    total += weight;
  }
  return sum / total;
}

}  // namespace phantom
